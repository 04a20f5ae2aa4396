//! The manual. `raddle help TOPIC` prints the same pages.

/// A page of the manual.
#[derive(Clone, Copy, Debug)]
pub struct Page {
    /// What `raddle help` finds it by.
    pub name: &'static str,
    /// The page. Its first line says what it is about.
    pub text: &'static str,
}

/// Makes each page twice: for `raddle help`, and as a module of this documentation.
macro_rules! pages {
    ($($module:ident $name:literal)*) => {
        /// All pages.
        pub const PAGES: &[Page] = &[
            $(Page { name: $name, text: include_str!(concat!($name, ".md")) },)*
        ];

        $(
            #[doc = include_str!(concat!($name, ".md"))]
            pub mod $module {}
        )*
    };
}

pages! {
    author "author"
    block "block"
    channel "channel"
    cut "cut"
    dev "dev"
    kafka "kafka"
    load "load"
    metrics "metrics"
    module "module"
    profile "profile"
    scale "scale"
    send "send"
    settings "settings"
    tls "tls"
    topic_dump "topic-dump"
}

/// What each error code means, a section for each: what `raddle help CODE` prints.
pub const CODES: &str = include_str!("codes.md");

#[doc = include_str!("codes.md")]
pub mod codes {}

#[cfg(test)]
mod tests {
    use super::PAGES;

    #[test]
    fn the_list_of_pages_can_show_each_ones_first_line() {
        for page in PAGES {
            let first = page.text.lines().next().unwrap_or_default();
            assert!(first.ends_with('.') && !first.starts_with('#'), "{}: {first}", page.name);
        }
    }
}
