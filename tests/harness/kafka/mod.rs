//! A real Apache Kafka on this machine: one broker or three, their own controllers, gone when the test process is.
//!
//! It needs Java 11 or later, and Maven the first time; the jars then lie below `target/tmp`.
#![allow(dead_code, reason = "each test binary uses a part of it")]

pub mod admin;
#[allow(clippy::duplicate_mod, reason = "tests of the whole have it beside the broker")]
#[path = "../ports.rs"]
mod ports;
pub mod proxy;

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use tempfile::TempDir;

pub use ports::free_port;
use proxy::Proxy;

/// What the first argument of the wrapper runs, until the wrapper's input ends: with the test process, however that
/// ends, or with a test that wants the broker dead.
const UNTIL_INPUT_ENDS: &str = "\"$@\" & broker=$!; echo $broker; cat >/dev/null; kill -9 $broker";

/// What the broker says when it takes requests.
const STARTED: &str = "Kafka Server started";

/// Generous, even for a machine that stalls.
const START_MAX: Duration = Duration::from_secs(120);

const JAVA: &[&str] = &[
    "-Xms64m",
    "-Xmx384m",
    // Each thread that has carried a message keeps a buffer of its size.
    "-XX:MaxDirectMemorySize=1g",
    "-XX:+UseSerialGC",
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
    "-Dorg.slf4j.simpleLogger.log.kafka.server=info",
];

/// For tests, which want a broker soon.
const COMPILE_QUICKLY: &str = "-XX:TieredStopAtLevel=1";

static COMPILES_FULLY: AtomicBool = AtomicBool::new(false);

/// From here on brokers compile their code as those do that run for long.
pub fn compile_fully() {
    COMPILES_FULLY.store(true, Ordering::SeqCst);
}

/// For a broker that knows users: `ann`, whose password is `right`, may do all, and `guest`, with the password `guest`,
/// nothing.
pub const WITH_USERS: &[&str] = &[
    "listener.security.protocol.map=CONTROLLER:PLAINTEXT,CLIENTS:SASL_PLAINTEXT",
    "sasl.enabled.mechanisms=PLAIN",
    "sasl.mechanism.inter.broker.protocol=PLAIN",
    "listener.name.clients.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required \
     username=\"broker\" password=\"b\" user_broker=\"b\" user_ann=\"right\" user_guest=\"guest\";",
    "authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer",
    "super.users=User:broker;User:ann;User:ANONYMOUS",
];

/// A broker, on the data it has.
pub struct Broker {
    home: TempDir,
    port: u16,
    running: Mutex<Option<Running>>,
    /// What it said since it was started.
    said: Arc<Mutex<String>>,
}

struct Running {
    wrapper: Child,
    /// The broker's own process.
    id: String,
}

/// Three brokers. A record is durable when two have it.
pub struct Cluster(pub Vec<Broker>);

/// What a broker is in its cluster.
struct Part {
    id: usize,
    port: u16,
    controller: u16,
    /// All controllers of the cluster, as Kafka writes them.
    voters: String,
}

impl Broker {
    /// The broker that tests share which do not harm it.
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<Broker> = OnceLock::new();
        SHARED.get_or_init(|| Self::start(&[]))
    }

    /// Starts a new, empty one, with more lines for its configuration.
    pub fn start(extra: &[&str]) -> Self {
        Self::start_at(free_port(), extra)
    }

    /// The same where another one was, or will be.
    pub fn start_at(port: u16, extra: &[&str]) -> Self {
        Self::start_alone(port, &[], extra)
    }

    /// Starts one that knows users of SCRAM, as Kafka writes them.
    pub fn start_with_users(users: &[&str], extra: &[&str]) -> Self {
        Self::start_alone(free_port(), users, extra)
    }

    /// Starts one to which clients come through a proxy, but for those who know its own address: the third value.
    pub fn start_behind_proxy() -> (Self, Proxy, String) {
        let (behind, direct, controller) = (free_port(), free_port(), free_port());
        let proxy = Proxy::to(behind);
        let port = proxy.port();
        let lines = [
            format!(
                "listeners=CLIENTS://127.0.0.1:{behind},DIRECT://127.0.0.1:{direct},\
                 CONTROLLER://127.0.0.1:{controller}"
            ),
            format!("advertised.listeners=CLIENTS://127.0.0.1:{port},DIRECT://127.0.0.1:{direct}"),
            "listener.security.protocol.map=CONTROLLER:PLAINTEXT,CLIENTS:PLAINTEXT,DIRECT:PLAINTEXT"
                .to_owned(),
            "inter.broker.listener.name=DIRECT".to_owned(),
        ];
        let part = Part { id: 1, port, controller, voters: voter(1, controller) };
        let broker = Self::format(&part, &cluster_id(), &[], &lines.each_ref().map(String::as_str));
        broker.run();
        (broker, proxy, format!("127.0.0.1:{direct}"))
    }

    fn start_alone(port: u16, users: &[&str], extra: &[&str]) -> Self {
        let controller = free_port();
        let part = Part { id: 1, port, controller, voters: voter(1, controller) };
        let broker = Self::format(&part, &cluster_id(), users, extra);
        broker.run();
        broker
    }

    /// Prepares a broker's folder.
    fn format(part: &Part, cluster: &str, users: &[&str], extra: &[&str]) -> Self {
        let home = tempfile::tempdir().unwrap();
        configure(home.path(), part, extra);
        let broker = Self { home, port: part.port, running: Mutex::default(), said: Arc::default() };
        let format = java(&["kafka.tools.StorageTool", "format", "-t", cluster, "-c"])
            .arg(broker.configuration())
            .args(users.iter().flat_map(|it| ["--add-scram", it]))
            .output()
            .unwrap();
        assert!(format.status.success(), "{}", String::from_utf8_lossy(&format.stderr));
        broker
    }

    /// `host:port`, for clients.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// `kill -9`.
    pub fn kill(&self) {
        if let Some(Running { mut wrapper, .. }) = self.running.lock().unwrap().take() {
            drop(wrapper.stdin.take());
            wrapper.wait().unwrap();
        }
    }

    /// The number of the broker's process, which runs.
    pub fn process(&self) -> String {
        self.running.lock().unwrap().as_ref().unwrap().id.clone()
    }

    /// Lets the broker answer nothing, its connections open, until [`Self::go_on`].
    pub fn stall(&self) {
        self.signal("-STOP");
    }

    /// Ends a stall.
    pub fn go_on(&self) {
        self.signal("-CONT");
    }

    fn signal(&self, signal: &str) {
        let running = self.running.lock().unwrap();
        let id = &running.as_ref().unwrap().id;
        assert!(Command::new("kill").args([signal, id]).status().unwrap().success());
    }

    /// Starts it again on what it left, and waits until it takes requests.
    pub fn run(&self) {
        let mut running = self.running.lock().unwrap();
        let mut command = Command::new("sh");
        let java = java(&["kafka.Kafka"]);
        command.args(["-c", UNTIL_INPUT_ENDS, "sh"]).arg(java.get_program()).args(java.get_args());
        command.arg(self.configuration()).current_dir(self.home.path());
        let mut wrapper =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut id = String::new();
        BufReader::new(wrapper.stdout.take().unwrap()).read_line(&mut id).unwrap();
        let errors = BufReader::new(wrapper.stderr.take().unwrap());
        let (start, started) = channel();
        let kept = Arc::clone(&self.said);
        kept.lock().unwrap().clear();
        // Read on when it has started, so that it never waits for somebody to.
        std::thread::spawn(move || {
            for line in errors.lines().map_while(Result::ok) {
                let is_start = line.contains(STARTED);
                *kept.lock().unwrap() += &(line + "\n");
                if is_start {
                    let _ = start.send(());
                }
            }
        });
        if let Err(error) = started.recv_timeout(START_MAX) {
            panic!("the broker has not started: {error}: {}", self.said.lock().unwrap());
        }
        *running = Some(Running { wrapper, id: id.trim().to_owned() });
    }

    fn configuration(&self) -> PathBuf {
        self.home.path().join("server.properties")
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        self.kill();
    }
}

impl Cluster {
    /// Starts three new, empty brokers.
    pub fn start() -> Self {
        let controllers: Vec<_> = (0..3).map(|_| free_port()).collect();
        let voters = |(place, port): (usize, &u16)| voter(place + 1, *port);
        let voters: Vec<_> = controllers.iter().enumerate().map(voters).collect();
        let cluster = cluster_id();
        let format = |(place, controller): (usize, &u16)| {
            let (id, port, voters) = (place + 1, free_port(), voters.join(","));
            let part = Part { id, port, controller: *controller, voters };
            Broker::format(&part, &cluster, &[], &["min.insync.replicas=2"])
        };
        let cluster = Self(controllers.iter().enumerate().map(format).collect());
        // None is ready before it has met another.
        cluster.run();
        cluster
    }

    /// Starts those that do not run, and waits until all take requests.
    pub fn run(&self) {
        std::thread::scope(|scope| {
            for broker in self.0.iter().filter(|it| it.running.lock().unwrap().is_none()) {
                scope.spawn(|| broker.run());
            }
        });
    }

    pub fn addresses(&self) -> Vec<String> {
        self.0.iter().map(Broker::address).collect()
    }
}

fn voter(id: usize, controller: u16) -> String {
    format!("{id}@127.0.0.1:{controller}")
}

/// A topic's name that nobody else has.
pub fn new_topic() -> String {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    format!("channel{}", NEXT.fetch_add(1, Ordering::SeqCst))
}

fn configure(home: &Path, part: &Part, extra: &[&str]) {
    let Part { id, port, controller, voters } = part;
    let data = home.join("data");
    let mut lines = vec![
        "process.roles=broker,controller".to_owned(),
        format!("node.id={id}"),
        format!("controller.quorum.voters={voters}"),
        "controller.listener.names=CONTROLLER".to_owned(),
        "inter.broker.listener.name=CLIENTS".to_owned(),
        format!("listeners=CLIENTS://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}"),
        format!("advertised.listeners=CLIENTS://127.0.0.1:{port}"),
        "listener.security.protocol.map=CONTROLLER:PLAINTEXT,CLIENTS:PLAINTEXT".to_owned(),
        format!("log.dirs={}", data.display()),
        // What Fabric asks of its brokers, as far as one broker can.
        "unclean.leader.election.enable=false".to_owned(),
        "log.retention.ms=-1".to_owned(),
        "message.max.bytes=104857600".to_owned(),
        "replica.fetch.max.bytes=104857600".to_owned(),
        "socket.request.max.bytes=121634816".to_owned(),
        // Topics that appear by themselves would hide that the log did not make them.
        "auto.create.topics.enable=true".to_owned(),
        "num.partitions=3".to_owned(),
        "offsets.topic.replication.factor=1".to_owned(),
        "offsets.topic.num.partitions=1".to_owned(),
        "transaction.state.log.replication.factor=1".to_owned(),
        "transaction.state.log.min.isr=1".to_owned(),
        "transaction.state.log.num.partitions=1".to_owned(),
        // A broker that is gone is noticed within seconds.
        "broker.heartbeat.interval.ms=500".to_owned(),
        "broker.session.timeout.ms=3000".to_owned(),
        "controller.quorum.election.timeout.ms=1000".to_owned(),
        "controller.quorum.fetch.timeout.ms=2000".to_owned(),
        "replica.lag.time.max.ms=5000".to_owned(),
        // One machine, few cores.
        "num.network.threads=2".to_owned(),
        "num.io.threads=4".to_owned(),
        "background.threads=2".to_owned(),
        "log.cleaner.dedupe.buffer.size=4194304".to_owned(),
        "log.cleaner.threads=1".to_owned(),
        // Topics are gone soon after they are deleted.
        "log.segment.delete.delay.ms=100".to_owned(),
    ];
    lines.extend(extra.iter().map(|it| (*it).to_owned()));
    let mut file = std::fs::File::create(home.join("server.properties")).unwrap();
    file.write_all((lines.join("\n") + "\n").as_bytes()).unwrap();
}

/// 22 letters of base64, another one each time.
fn cluster_id() -> String {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    format!("{:A<22}", format!("raddle{}x{}x", std::process::id(), NEXT.fetch_add(1, Ordering::SeqCst)))
}

fn java(arguments: &[&str]) -> Command {
    let mut command = Command::new("java");
    if !COMPILES_FULLY.load(Ordering::SeqCst) {
        command.arg(COMPILE_QUICKLY);
    }
    command.args(JAVA).arg("-cp").arg(jars().join("*")).args(arguments);
    command
}

/// Runs one of Kafka's own tools in a folder, by the class that its script runs.
pub fn tool(folder: &Path, class: &str, arguments: &[&str]) -> Output {
    java(&[class]).args(arguments).current_dir(folder).output().unwrap()
}

/// The broker's jars, fetched once.
pub fn jars() -> &'static Path {
    static JARS: OnceLock<PathBuf> = OnceLock::new();
    JARS.get_or_init(|| {
        let jars = Path::new(env!("CARGO_TARGET_TMPDIR")).join("kafka-3.9.2");
        if !jars.is_dir() {
            fetch(&jars);
        }
        jars
    })
}

fn fetch(jars: &Path) {
    let pom = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().find_map(|it| {
        let pom = it.join("tests/harness/kafka/pom.xml");
        pom.is_file().then_some(pom)
    });
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let fetched = folder.path().join("jars");
    let mut maven = Command::new("mvn");
    maven.args(["--quiet", "--batch-mode", "--file"]).arg(pom.unwrap()).arg("dependency:copy-dependencies");
    maven.arg("-DincludeScope=runtime").arg(format!("-DoutputDirectory={}", fetched.display()));
    let output = maven.output().expect("Maven is needed: apt-get install maven");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    // Another process may have been faster.
    if std::fs::rename(&fetched, jars).is_err() {
        assert!(jars.is_dir());
    }
}
