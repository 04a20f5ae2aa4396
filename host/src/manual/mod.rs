//! The manual. `raddle help TOPIC` prints the same pages.

/// A page of the manual.
#[derive(Clone, Copy, Debug)]
pub struct Page {
    /// What `raddle help` finds it by.
    pub name: &'static str,
    /// The page. Its first line says what it is about.
    pub text: &'static str,
}

/// All pages.
pub const PAGES: [Page; 15] = [
    Page { name: "author", text: include_str!("author.md") },
    Page { name: "block", text: include_str!("block.md") },
    Page { name: "channel", text: include_str!("channel.md") },
    Page { name: "cut", text: include_str!("cut.md") },
    Page { name: "dev", text: include_str!("dev.md") },
    Page { name: "kafka", text: include_str!("kafka.md") },
    Page { name: "load", text: include_str!("load.md") },
    Page { name: "metrics", text: include_str!("metrics.md") },
    Page { name: "module", text: include_str!("module.md") },
    Page { name: "profile", text: include_str!("profile.md") },
    Page { name: "scale", text: include_str!("scale.md") },
    Page { name: "send", text: include_str!("send.md") },
    Page { name: "settings", text: include_str!("settings.md") },
    Page { name: "tls", text: include_str!("tls.md") },
    Page { name: "topic-dump", text: include_str!("topic-dump.md") },
];

/// What each error code means, a section for each: what `raddle help CODE` prints.
pub const CODES: &str = include_str!("codes.md");

#[doc = include_str!("author.md")]
pub mod author {}

#[doc = include_str!("block.md")]
pub mod block {}

#[doc = include_str!("channel.md")]
pub mod channel {}

#[doc = include_str!("codes.md")]
pub mod codes {}

#[doc = include_str!("cut.md")]
pub mod cut {}

#[doc = include_str!("dev.md")]
pub mod dev {}

#[doc = include_str!("kafka.md")]
pub mod kafka {}

#[doc = include_str!("load.md")]
pub mod load {}

#[doc = include_str!("metrics.md")]
pub mod metrics {}

#[doc = include_str!("module.md")]
pub mod module {}

#[doc = include_str!("profile.md")]
pub mod profile {}

#[doc = include_str!("scale.md")]
pub mod scale {}

#[doc = include_str!("send.md")]
pub mod send {}

#[doc = include_str!("settings.md")]
pub mod settings {}

#[doc = include_str!("tls.md")]
pub mod tls {}

#[doc = include_str!("topic-dump.md")]
pub mod topic_dump {}
