//! What a node is at, for people who look for what is stuck: SIGUSR1 writes it to the log.

use std::fmt::Write as _;
use std::sync::atomic::Ordering;

use super::board::Doing;
use super::channel::Channel;
use super::{Node, Spent};

impl Node {
    /// What the node is at, a line each: its queues, its channels with what their organisations have sent, channels
    /// that are being joined, and forks that are suspected.
    #[must_use]
    pub fn dump(&self) -> Vec<String> {
        let (filters, configs) = self.registrar.queued();
        let mut lines = vec![format!(
            "{filters} envelopes wait for a filter thread, {configs} config updates for theirs"
        )];
        for channel in self.channels() {
            lines.push(of_channel(&channel));
            lines.extend(channel.spent().iter().map(|(name, spent)| of_organisation(&channel, name, spent)));
        }
        let joining = self.registrar.onboarding();
        lines.extend(
            joining.iter().map(|(id, it)| format!("channel {id} is being joined, {}", it.info(id).height)),
        );
        drop(joining);
        let suspicions = self.suspicions();
        let suspected = suspicions.borrow();
        lines.extend(
            suspected.iter().map(|((channel, _), it)| format!("channel {channel}, fork suspected: {it}")),
        );
        lines
    }
}

fn of_channel(channel: &Channel) -> String {
    let board = channel.board();
    let doing = match &*board.doing().borrow() {
        Doing::Starting => "starting".to_owned(),
        Doing::Ordering => "ordering".to_owned(),
        Doing::ReadOnly(cause) => format!("reading only: {cause}"),
        Doing::Halted(halt) => format!("halted: {halt}"),
        Doing::Stopped => "stopped".to_owned(),
    };
    let (height, behind, readers) = (board.height(), board.behind(), board.readers());
    let mut line = format!(
        "channel {}: {doing}; {height} blocks, {behind} records behind the log, {readers} watch its height",
        channel.id()
    );
    if *board.is_held().borrow() {
        line.push_str(", envelopes wait for a config update");
    }
    let fork = board.fork();
    let [compared, differed, unanswered] =
        [&fork.compared, &fork.differed, &fork.unanswered].map(|it| it.load(Ordering::Relaxed));
    let _ = write!(
        line,
        "; of {compared} headers of other orderers {differed} differed, {unanswered} did not come"
    );
    line
}

fn of_organisation(channel: &Channel, name: &str, spent: &Spent) -> String {
    let Spent { envelopes, bytes, over_budget, while_closed } = spent;
    let [envelopes, bytes, over, closed] =
        [envelopes, bytes, over_budget, while_closed].map(|it| it.load(Ordering::Relaxed));
    format!(
        "channel {}, organisation {name:?}: {envelopes} envelopes of {bytes} bytes charged, {over} over its budget, \
         {closed} refused while it was closed",
        channel.id()
    )
}
