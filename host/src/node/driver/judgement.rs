//! Judging envelopes again where they stand in the log.

use std::time::Duration;

use raddle_core::bundle::read_config_envelope;
use raddle_core::chain::{Class, Purpose, Verdict};
use raddle_core::channel_creation::update_in;
use raddle_core::ids::Offset;
use raddle_proto::common::HeaderType;
use raddle_proto::wire::{self, Envelope};
use raddle_rules::admission::Filters;
use raddle_rules::{Case, Timestamp};
use raddle_serve::channels::NotTaken;

use super::{Driver, Ended};
use crate::node::judge::EnvelopeJudge;

/// The client's update in a CONFIG or ORDERER_TRANSACTION envelope.
///
/// Source: fabric v2.5.16 `orderer/common/msgprocessor/systemchannel.go` `ProcessConfigMsg`.
fn client_update(envelope: &Envelope) -> Result<Envelope, String> {
    let header_type = wire::channel_header(envelope).map(|header| header.r#type);
    if header_type == Ok(HeaderType::OrdererTransaction.into()) {
        return update_in(envelope).map_err(|error| error.to_string());
    }
    let config = read_config_envelope(envelope).map_err(|error| error.to_string())?;
    let update = config.last_update.ok_or("the config carries no update")?;
    Ok(Envelope::new(&update.payload, &update.signature))
}

/// How long the chain waits before it asks a filter again that does not run here.
const ASK_AGAIN: Duration = Duration::from_secs(1);

impl Driver {
    /// What the channel's rules of now say of an envelope, at the time at which the log took it. As long as a filter
    /// does not run here there is no verdict, and the chain waits.
    pub(super) async fn judge(
        &mut self,
        offset: Offset,
        envelope: Envelope,
        class: Class,
        purpose: Purpose,
    ) -> Result<Verdict, Ended> {
        if class == Class::Config {
            return self.judge_config(offset, envelope, purpose).await;
        }
        let filters = match purpose {
            Purpose::Resubmission => Filters::All,
            // What each orderer decides by itself, no module of the channel's may decide.
            Purpose::Commit => Filters::Shipped,
        };
        loop {
            let rules = self.parts.channel.rules();
            if let Some(filter) = rules.broken.first().filter(|_| filters == Filters::All) {
                if filter.is_verdict {
                    return Ok(Verdict::Refused { reason: filter.to_string() });
                }
                tracing::warn!(channel = %self.id, %offset, %filter, "the chain waits for a filter");
                self.pause().await?;
                continue;
            }
            let judge = EnvelopeJudge::new(
                rules.access().clone(),
                envelope.clone(),
                &wire::signature_header(&envelope),
                self.parts.usage.clone(),
            );
            let header = wire::channel_header(&envelope);
            let case = Case::new(envelope.clone(), header, self.received(offset), Box::new(judge));
            match rules.set.readmit(self.stack, filters, &case) {
                Ok(Ok(())) => return Ok(Verdict::Admitted { envelope }),
                Ok(Err(refusal)) => return Ok(Verdict::Refused { reason: refusal.info }),
                Err(unknown) => {
                    tracing::warn!(channel = %self.id, %offset, %unknown, "the chain waits for a filter");
                }
            }
            self.pause().await?;
        }
    }

    /// Makes the config anew from the client's update in it, as at Broadcast. In compatibility mode only whether that
    /// succeeds matters.
    async fn judge_config(
        &mut self,
        offset: Offset,
        envelope: Envelope,
        purpose: Purpose,
    ) -> Result<Verdict, Ended> {
        let update = match client_update(&envelope) {
            Ok(update) => update,
            Err(reason) => return Ok(Verdict::Refused { reason }),
        };
        loop {
            let (channel, received) = (&self.parts.channel, self.received(offset));
            let (rules, channels) = (channel.rules(), channel.channels());
            let made = channel.configs().make_or_create(self.stack, &rules, &update, received, channels);
            match (made, purpose) {
                (Ok(made), Purpose::Resubmission) => return Ok(Verdict::Admitted { envelope: made }),
                (Ok(_), Purpose::Commit) => return Ok(Verdict::Admitted { envelope }),
                (Err(NotTaken::Refused(refusal)), _) => return Ok(Verdict::Refused { reason: refusal.info }),
                (Err(NotTaken::Failed(failure)), _) => {
                    tracing::warn!(channel = %self.id, %offset, %failure, "the chain waits to judge a config");
                }
            }
            self.pause().await?;
        }
    }

    pub(super) async fn pause(&mut self) -> Result<(), Ended> {
        tokio::select! {
            () = tokio::time::sleep(ASK_AGAIN) => Ok(()),
            _ = self.stop.wait_for(|stop| *stop) => Err(Ended::Stopped),
        }
    }

    /// When the log took the record: the same on every orderer.
    fn received(&self, offset: Offset) -> Timestamp {
        let record = self.seen.iter().flatten().find(|record| record.offset == offset);
        let ms = record.map_or(0, |record| record.timestamp_ms.0);
        let nanoseconds = i32::try_from(ms.rem_euclid(1000) * 1_000_000).unwrap_or_default();
        Timestamp { seconds: ms.div_euclid(1000), nanoseconds }
    }
}
