//! What to type: the command lines of Kafka's own tools.

/// How Kafka's tools are called.
#[derive(Clone, Debug)]
pub struct Tools {
    /// The brokers to ask first, `host:port` each.
    pub brokers: Vec<String>,
    /// Whether the brokers want TLS or a login, which the tools read from a file.
    pub need_login: bool,
    /// Who this node is to the brokers, in Kafka's words: `User:orderer`.
    pub principal: String,
}

impl Tools {
    fn call(&self, tool: &str, rest: &str) -> String {
        let login = if self.need_login { " --command-config admin.properties" } else { "" };
        format!("{tool}.sh --bootstrap-server {}{login} {rest}", quoted(&self.brokers.join(",")))
    }

    /// Sets something for a topic.
    pub(super) fn set_for_topic(&self, topic: &str, key: &str, value: &str) -> String {
        let topic = quoted(topic);
        let rest = format!("--alter --entity-type topics --entity-name {topic} --add-config {key}={value}");
        self.call("kafka-configs", &rest)
    }

    /// Sets something for all brokers, while they run.
    pub(super) fn set_for_brokers(&self, key: &str, value: &str) -> String {
        let rest = format!("--alter --entity-type brokers --entity-default --add-config {key}={value}");
        self.call("kafka-configs", &rest)
    }

    /// Sets something for one broker, while it runs.
    pub(super) fn set_for_broker(&self, id: i32, key: &str, value: &str) -> String {
        let rest = format!("--alter --entity-type brokers --entity-name {id} --add-config {key}={value}");
        self.call("kafka-configs", &rest)
    }

    /// Lets this node do something with a topic.
    pub(super) fn allow_topic(&self, topic: &str, operation: &str) -> String {
        let (user, topic) = (quoted(&self.principal), quoted(topic));
        let rest = format!("--add --allow-principal {user} --operation {operation} --topic {topic}");
        self.call("kafka-acls", &rest)
    }

    /// Lets this node do something with the cluster.
    pub(super) fn allow_cluster(&self, operation: &str) -> String {
        let user = quoted(&self.principal);
        self.call("kafka-acls", &format!("--add --allow-principal {user} --operation {operation} --cluster"))
    }

    /// Gives a topic more copies: what the file `more.json` holds, and the command that takes it.
    pub(super) fn copy_topic(&self, topic: &str, replicas: &[i32]) -> [String; 2] {
        let list: Vec<String> = replicas.iter().map(ToString::to_string).collect();
        let file = format!(
            "echo '{{\"version\":1,\"partitions\":[{{\"topic\":\"{topic}\",\"partition\":0,\"replicas\":[{}]}}]}}' \
             > more.json",
            list.join(",")
        );
        [file, self.call("kafka-reassign-partitions", "--reassignment-json-file more.json --execute")]
    }
}

/// What stands in a broker's file.
pub(super) fn in_file(brokers: &str, key: &str, value: &str) -> String {
    format!("write `{key}={value}` into server.properties of {brokers}, and restart one after the other")
}

/// As a shell takes it. Names come from a channel's config, and what is printed is pasted.
fn quoted(text: &str) -> String {
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "-._:,[]".contains(letter);
    match !text.is_empty() && text.chars().all(is_plain) {
        true => text.to_owned(),
        false => format!("'{}'", text.replace('\'', "'\\''")),
    }
}
