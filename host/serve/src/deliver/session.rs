//! One request that is being served: which block is next, and whether its client may have it.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use raddle_core::ids::{BlockNumber, ConfigSequence};
use raddle_proto::wire::Envelope;
use tokio::{select, sync::watch};

use super::{
    not_delivered::NotDelivered,
    seek::{Manner, Range, Request},
};
use crate::{
    channels::{BlockUnavailable, DeliverChannel, Standing},
    clock::Clock,
    guard::Room,
};

/// A client that reads a channel.
pub(crate) struct Session {
    channel: Arc<dyn DeliverChannel>,
    standing: watch::Receiver<Standing>,
    access: Access,
    room: Option<Room>,
    manner: Manner,
    /// `None` after the last one.
    next: Option<BlockNumber>,
    stop: BlockNumber,
}

impl Session {
    /// Checks a request in the order in which Fabric does, so that the first fault decides the status.
    ///
    /// Source: fabric v2.5.16 `common/deliver/deliver.go` `deliverBlocks`.
    pub(crate) async fn open(
        channel: Arc<dyn DeliverChannel>,
        request: Request,
        room: Option<Room>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, NotDelivered> {
        let seek = request.seek_info()?;
        let manner = Manner::of(&seek);
        let standing = channel.standing();
        if let Some(ended) = NotDelivered::by_condition(&standing.borrow().condition, manner.is_best_effort) {
            return Err(ended);
        }
        let mut access = Access::new(&*channel, request.envelope, clock);
        access.check(&*channel).await?;
        let height = standing.borrow().height;
        let Range { start, stop } = Range::of(&seek, height)?;
        Ok(Self { channel, standing, access, room, manner, next: Some(start), stop })
    }

    /// The next block once it is there; `None` after the last one.
    pub(crate) async fn next(&mut self) -> Result<Option<Bytes>, NotDelivered> {
        let Some(number) = self.next else { return Ok(None) };
        self.wait_until_committed(number).await?;
        self.wait_for_room().await?;
        let reading = Self::read(Arc::clone(&self.channel), self.room.clone(), number);
        let block = select! {
            biased;
            block = reading => block.map_err(|cause| NotDelivered::Unavailable { number, cause })?,
            ended = self.trouble() => return Err(ended),
        };
        // Last, so that nobody gets a block whose config had already shut them out when it was asked for.
        self.access.check(&*self.channel).await?;
        self.next = (number != self.stop).then(|| number.next());
        Ok(Some(self.manner.of_block(block)))
    }

    /// Nothing is read for a client that would have to wait for it.
    async fn wait_for_room(&self) -> Result<(), NotDelivered> {
        match &self.room {
            Some(room) if !room.wait().await => Err(NotDelivered::NoRoom { waited: room.time_max() }),
            _ => Ok(()),
        }
    }

    async fn read(
        channel: Arc<dyn DeliverChannel>,
        room: Option<Room>,
        number: BlockNumber,
    ) -> Result<Bytes, BlockUnavailable> {
        match (channel.recent_block(number), room) {
            (Some(block), _) => Ok(block),
            (None, Some(room)) => room.read(channel.block(number)).await,
            (None, None) => channel.block(number).await,
        }
    }

    /// Differs: that a session has expired Fabric finds at the next block only, and until then holds the stream open.
    async fn wait_until_committed(&mut self, number: BlockNumber) -> Result<(), NotDelivered> {
        loop {
            {
                let standing = self.standing.borrow_and_update();
                let Standing { height, ref condition } = *standing;
                if number.0 >= height && self.manner.fails_if_not_ready {
                    return Err(NotDelivered::NotReady { number, height });
                }
                if let Some(ended) = NotDelivered::by_condition(condition, self.manner.is_best_effort) {
                    return Err(ended);
                }
                if number.0 < height {
                    return Ok(());
                }
            }
            select! {
                biased;
                changed = self.standing.changed() => if changed.is_err() { return Err(NotDelivered::Closed) },
                expired = self.access.expired() => return Err(expired),
            }
        }
    }

    /// Waits until the channel stands in a way that ends this session.
    ///
    /// Differs: trouble that was over before anybody looked ends no session. Fabric's sessions see all that happens.
    async fn trouble(&mut self) -> NotDelivered {
        let is_best_effort = self.manner.is_best_effort;
        let ended_by = |standing: &Standing| NotDelivered::by_condition(&standing.condition, is_best_effort);
        let standing = self.standing.wait_for(|standing| ended_by(standing).is_some()).await;
        standing.ok().and_then(|standing| ended_by(&standing)).unwrap_or(NotDelivered::Closed)
    }
}

/// Whether a client may read.
///
/// Source: fabric v2.5.16 `common/deliver/acl.go`.
pub(super) struct Access {
    /// What the client signed: whenever the channel's config has changed the policy is asked about the same bytes.
    envelope: Envelope,
    ends: Option<SystemTime>,
    clock: Arc<dyn Clock>,
    /// The config by which the client was last found to be a reader.
    judged_at: Option<ConfigSequence>,
}

impl Access {
    pub(super) fn new(channel: &dyn DeliverChannel, envelope: Envelope, clock: Arc<dyn Clock>) -> Self {
        Self { ends: channel.session_ends(&envelope), envelope, clock, judged_at: None }
    }

    pub(super) async fn check(&mut self, channel: &dyn DeliverChannel) -> Result<(), NotDelivered> {
        if let Some(since) = self.since_end()
            && since > Duration::ZERO
        {
            return Err(NotDelivered::Expired { since });
        }
        let sequence = channel.config_sequence();
        if self.judged_at.is_none_or(|judged_at| sequence > judged_at) {
            self.judged_at = Some(channel.may_read(&self.envelope).await?);
        }
        Ok(())
    }

    /// How long ago the session ended, if it did.
    fn since_end(&self) -> Option<Duration> {
        self.clock.now().duration_since(self.ends?).ok()
    }

    /// Waits until the session has ended.
    async fn expired(&self) -> NotDelivered {
        match self.ends {
            Some(end) => self.clock.passes(end).await,
            None => std::future::pending().await,
        }
        NotDelivered::Expired { since: self.since_end().unwrap_or_default() }
    }
}
