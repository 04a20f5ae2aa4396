//! `raddle help`, `raddle version`, and what bare `raddle` says.

use super::{Code, Exit, Failure, program};

/// A page of help.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// A topic (`cut`, `topic-dump`), or an error code (`RDL-4004`)
    name: Option<String>,
}

const TOPICS: [(&str, &str); 2] = [
    (
        "cut",
        "Where a block ends.\n\n\
         The channel's batch policy, a WebAssembly module, is asked of each envelope whether it fits into the batch,\n\
         and once it has joined, whether the batch is full. The host cuts on its own at AbsoluteMaxBytes and\n\
         MaxMessageCount. A time-to-cut record, written by an orderer whose timer ran out, and a config record cut\n\
         what is pending. If the module breaks, the standard rule of Fabric decides the rest of that batch, on every\n\
         orderer alike.",
    ),
    (
        "topic-dump",
        "The file that `replay --topic` reads.\n\n\
         One JSON object a line for each record of the channel's topic, in order, from offset 0:\n\n\
         \x20 {\"offset\": 0, \"key\": \"0\", \"value\": \"GgA=\"}\n\n\
         `value` is the record's value in base64. Other members are not read. The file may be gzipped. The blocks\n\
         that --out names are written as: length (varint), marshalled common.Block, and so on, the genesis block\n\
         first; gzipped where the name ends in .gz.",
    ),
];

/// Explains a topic or a code.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let Some(name) = &arguments.name else { return topics() };
    if let Some((_, page)) = TOPICS.iter().find(|(topic, _)| topic.eq_ignore_ascii_case(name)) {
        anstream::println!("{page}");
        return Ok(());
    }
    if let Some(code) = Code::parse(name) {
        anstream::println!("{code}\n\n{}", code.explanation());
        return Ok(());
    }
    let sentence = format!("there is no topic or code {name:?}");
    Err(Failure::new(Code::UnknownTopic, Exit::Usage, sentence)
        .hint(format!("`{} help` lists what there is", program())))
}

fn topics() -> Result<(), Failure> {
    let program = program();
    anstream::println!("Topics, each explained by `{program} help TOPIC`:");
    for (topic, page) in TOPICS {
        anstream::println!("  {topic:<12} {}", page.lines().next().unwrap_or_default());
    }
    anstream::println!("\nError codes, each explained by `{program} help CODE`:");
    for code in Code::ALL {
        anstream::println!("  {code}     {}", code.explanation().lines().next().unwrap_or_default());
    }
    anstream::println!("\nCommands and their options: `{program} --help`");
    Ok(())
}

/// What bare `raddle` prints: where to begin.
pub fn overview() -> Result<(), Failure> {
    let program = program();
    anstream::println!("{program} demo       the main job on a recorded topic, in a few seconds");
    anstream::println!("{program} replay     rebuild a channel's blocks from a dump of its topic");
    anstream::println!("{program} help       topics, error codes; `{program} --help` for all commands");
    Ok(())
}

/// The version.
pub fn version() -> Result<(), Failure> {
    anstream::println!("raddle {}", env!("CARGO_PKG_VERSION"));
    Ok(())
}
