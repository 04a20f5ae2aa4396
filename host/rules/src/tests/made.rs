//! Envelopes at random: calls, messages, broken ones, by members of several organisations. The same number gives the
//! same envelope for ever: golden vectors rest on it.

use std::collections::BTreeMap;
use std::rc::Rc;

use bytes::Bytes;
use raddle_proto::wire::{Envelope, channel_header};

use super::filters::run::{Says, field};
use crate::{Case, Creator, PolicyVerdict, Timestamp};

/// One envelope, and what the channel knows of it.
pub struct Made {
    pub envelope: Envelope,
    pub says: Says,
    pub received: Timestamp,
}

impl Made {
    /// The envelope of this number.
    pub fn number(number: u64) -> Self {
        let mut random = Random(number.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x5bd1_e995);
        let msp_id = random.one_of(&["Org1MSP", "Org2MSP", "Org3MSP", "OrdererMSP", ""]);
        let certificate = random.one_of(&["alice", "bob", "eve"]);
        let creator = [field(1, msp_id.as_bytes()), field(2, certificate.as_bytes())].concat();
        let header_type = random.one_of(&[3, 3, 3, 3, 3, 0, 6, 77]);
        let received = Timestamp { seconds: 1_800_000_000, nanoseconds: random.below(1_000_000_000) as i32 };
        let data = random.data();
        let channel_header = [
            vec![8, header_type],
            random.timestamp(received),
            field(4, b"mychannel"),
            field(5, format!("tx{number}").as_bytes()),
            field(7, &field(2, &field(2, b"assets"))),
        ]
        .concat();
        let signature_header = [field(1, &creator), field(2, b"nonce")].concat();
        let header = [field(1, &channel_header), field(2, &signature_header)].concat();
        let mut payload = [field(1, &header), field(2, &data)].concat();
        if random.below(16) == 0 {
            let at = random.below(payload.len() as u64) as usize;
            payload[at] = random.below(256) as u8;
        }
        if random.below(32) == 0 {
            payload.truncate(random.below(payload.len() as u64) as usize);
        }
        let signature = vec![0x30; random.below(73) as usize];
        let says = random.says(received, msp_id, certificate);
        Self { envelope: Envelope::new(&payload, &signature), says, received }
    }

    /// As filters meet it.
    pub fn case(&self) -> Rc<Case> {
        let header = channel_header(&self.envelope);
        Case::new(self.envelope.clone(), header, self.received, Box::new(self.says.clone()))
    }
}

/// A generator whose numbers are the same everywhere (SplitMix64).
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound.max(1)
    }

    fn one_of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len() as u64) as usize]
    }

    fn bytes(&mut self, most: u64) -> Vec<u8> {
        (0..self.below(most + 1)).map(|_| self.next() as u8).collect()
    }

    /// `data` of the payload: mostly a call, sometimes anything.
    fn data(&mut self) -> Vec<u8> {
        if self.below(8) == 0 {
            return self.bytes(300);
        }
        let name = self.one_of(&["assets", "audit", "tokens", "other", ""]);
        let function = self.one_of(&["CreateAsset", "DeleteAsset", "Bank:Mint", "Read", ""]);
        let long = if self.below(10) == 0 { 20_000 } else { 1_500 };
        call(name, &[function.as_bytes(), &self.bytes(20), &self.bytes(long)])
    }

    /// A timestamp of the channel header, some of them missing, odd or far away.
    fn timestamp(&mut self, received: Timestamp) -> Vec<u8> {
        let away = self.one_of(&[0, 1, 59, 60, 61, 300, 100_000]);
        let seconds = if self.below(2) == 0 { received.seconds - away } else { received.seconds + away };
        match self.below(12) {
            0 => Vec::new(),
            1 => field(3, &[16, 1]),
            _ => {
                let nanoseconds = self.below(2_000_000_000);
                field(3, &[&[8][..], &varint(seconds as u64), &[16], &varint(nanoseconds)].concat())
            }
        }
    }

    fn says(&mut self, received: Timestamp, msp_id: &str, certificate: &str) -> Says {
        let mut verdicts = BTreeMap::new();
        for (policy, one_in) in [("/Channel/Writers", 6), ("/Channel/Application/Admins", 2)] {
            if self.below(one_in) == 0 {
                let denied = PolicyVerdict::Denied("signature set did not satisfy policy".to_owned());
                let unreadable = PolicyVerdict::Unreadable("Missing Header".to_owned());
                verdicts.insert(
                    policy,
                    self.one_of(&[&denied, &denied, &PolicyVerdict::Missing, &unreadable]).clone(),
                );
            }
        }
        let away = self.one_of(&[-700_000, -3_600, 0, 1, 1_000_000]);
        let expires = Timestamp { seconds: received.seconds + away, nanoseconds: 0 };
        let creator = Creator {
            msp_id: msp_id.to_owned(),
            certificate: Bytes::copy_from_slice(certificate.as_bytes()),
            organisational_units: vec!["client".to_owned()],
        };
        Says {
            verdicts,
            expires: (self.below(10) > 0).then_some(expires),
            creator: (self.below(10) > 0 && !msp_id.is_empty()).then_some(creator),
            ..Says::default()
        }
    }
}

/// `data` of an endorser transaction that calls chaincode.
pub fn call(chaincode: &str, arguments: &[&[u8]]) -> Vec<u8> {
    let arguments: Vec<_> = arguments.iter().map(|argument| field(1, argument)).collect();
    let spec =
        [vec![8, 1], field(2, &field(2, chaincode.as_bytes())), field(3, &arguments.concat())].concat();
    let proposal = field(1, &field(1, &field(1, &spec)));
    let endorsed = field(2, &field(2, &[0x30; 71]));
    field(1, &[field(1, b"signature header"), field(2, &[proposal, endorsed].concat())].concat())
}

fn varint(mut value: u64) -> Vec<u8> {
    let mut out = Vec::new();
    while value >= 0x80 {
        out.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
    out
}
