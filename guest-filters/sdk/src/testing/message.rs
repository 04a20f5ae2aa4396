//! Protobuf messages as a client of Fabric's writes them.

/// A message that is being put together. What is empty or zero is left out, as in proto3.
#[derive(Clone, Debug, Default)]
pub(super) struct Message(Vec<u8>);

impl Message {
    pub(super) const fn new() -> Self {
        Self(Vec::new())
    }

    pub(super) fn number(mut self, field: u8, value: u64) -> Self {
        if value != 0 {
            self.0.push(field << 3);
            self.push_varint(value);
        }
        self
    }

    pub(super) fn bytes(self, field: u8, content: &[u8]) -> Self {
        if content.is_empty() { self } else { self.repeated(field, content) }
    }

    /// An element of a repeated field, which stands there even if it is empty.
    fn repeated(mut self, field: u8, content: &[u8]) -> Self {
        self.0.push(field << 3 | 2);
        self.push_varint(content.len() as u64);
        self.0.extend_from_slice(content);
        self
    }

    pub(super) fn message(self, field: u8, message: Self) -> Self {
        self.repeated(field, &message.0)
    }

    pub(super) fn done(self) -> Vec<u8> {
        self.0
    }

    fn push_varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push((value % 0x80) as u8 | 0x80);
            value /= 0x80;
        }
        self.0.push(value as u8);
    }
}

/// A `common.Payload` with a `peer.Transaction` of one action.
pub(super) fn payload_of_call(
    channel_header: Message,
    creator: &[u8],
    chaincode: &str,
    arguments: &[&str],
) -> Vec<u8> {
    let signature_header = Message::new().bytes(1, creator).bytes(2, &[0x5a; 24]);
    let id = || Message::new().bytes(2, chaincode.as_bytes());
    let input =
        arguments.iter().fold(Message::new(), |input, argument| input.repeated(1, argument.as_bytes()));
    let spec = Message::new().number(1, 1).message(2, id()).message(3, input);
    let proposal = Message::new().message(1, Message::new().message(1, spec));
    // What the chaincode did, its results left out, and who says so.
    let response = Message::new().bytes(1, &[0x11; 32]).message(2, Message::new().message(4, id()));
    let endorsement = Message::new().bytes(1, b"an endorser").bytes(2, &[0x30; 71]);
    let endorsed = Message::new().message(1, response).message(2, endorsement);
    let action = Message::new()
        .message(1, signature_header.clone())
        .message(2, Message::new().message(1, proposal).message(2, endorsed));
    let header = Message::new().message(1, channel_header).message(2, signature_header);
    Message::new().message(1, header).message(2, Message::new().message(1, action)).done()
}
