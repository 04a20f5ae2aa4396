//! What a network can do, on paper: the figures of `raddle help scale`.
//!
//! Two formulas. Within one machine, what streams get is bounded by the processors and by the way there and back
//! ([`Machine::rate`]); it is held against measurements. For a network, each resource alone bounds the envelopes a
//! second, and the least bound counts ([`Network::bounds`]); its costs are measured one by one, the whole is not.

/// Processor time that something costs an envelope, in microseconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cost {
    /// However many are on their way.
    pub each: f64,
    /// For waking up, sending and syncing, which all share that are on their way together.
    pub shared: f64,
}

/// Processes that share processors, and the way through them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Machine {
    /// Processors.
    pub cores: f64,
    /// What all processes on them spend on an envelope.
    pub cost: Cost,
    /// From sending to the answer where nothing else is on its way, in milliseconds.
    pub way_ms: f64,
}

/// Orderer and clients on two processors, with the local log.
///
/// Source: `tests/bench/RESULTS.md`, "What things cost" and its table of streams, 2026-11-29.
pub const LOCAL: Machine = Machine { cores: 2.0, cost: Cost { each: 148.0, shared: 455.0 }, way_ms: 0.82 };

/// The same with one Kafka broker on the same two processors.
///
/// Source: `tests/bench/RESULTS.md`, "Broadcast over Kafka", 2026-11-29.
pub const KAFKA: Machine = Machine { cores: 2.0, cost: Cost { each: 166.0, shared: 370.0 }, way_ms: 0.49 };

/// How far a prediction may be from what was measured, as a share of it.
pub const ERROR: f64 = 0.2;

// === impl Machine ===

impl Cost {
    /// Microseconds where so many are on their way together.
    #[must_use]
    pub fn at(&self, in_flight: f64) -> f64 {
        self.each + self.shared / in_flight
    }
}

impl Machine {
    /// Envelopes a second with so many on their way: the first needs the whole way, each further one only its share of
    /// the processors.
    #[must_use]
    pub fn rate(&self, in_flight: f64) -> f64 {
        let each_ms = self.cost.at(in_flight) / self.cores / 1e3;
        1e3 * in_flight / (self.way_ms + (in_flight - 1.0) * each_ms)
    }
}

/// Orderers of one channel on machines of their own, over one log.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Network {
    /// Orderers, all of which admit.
    pub orderers: f64,
    /// Processors of each.
    pub cores: f64,
    /// Peers that each orderer delivers to.
    pub peers: f64,
    /// Bytes of an envelope.
    pub envelope_bytes: f64,
    /// Custom filters that look at headers.
    pub filters: f64,
    /// Bytes a second that an orderer's or a broker's network card moves each way.
    pub network_bytes: f64,
    /// Bytes a second that a disk writes.
    pub disk_bytes: f64,
    /// Copies of the log that brokers keep.
    pub replicas: f64,
}

/// What ends first in a network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Resource {
    /// Processors of the orderers.
    Processors,
    /// The one thread that makes a channel's blocks.
    Chain,
    /// The orderers' network cards.
    OrdererNetwork,
    /// The card of the broker that leads the channel's partition.
    BrokerNetwork,
    /// The orderers' disks.
    Disk,
    /// The broker's processing of one partition.
    Partition,
}

/// Microseconds of an orderer to take an envelope from a client: gRPC, four filters, one signature check, producing.
const ADMIT_US: f64 = 85.0;

/// Of one more filter that looks at headers.
const FILTER_US: f64 = 3.0;

/// To read one back from the log, whoever admitted it, cut, hash and write it.
const ORDER_US: f64 = 12.0;

/// To deliver a byte of a block to one peer.
const DELIVER_US_A_BYTE: f64 = 0.0006;

/// Of the one thread of a channel: reading, cutting, hashing, committing.
const CHAIN_US: f64 = 8.0;

/// Records a second through one partition, many in flight.
const PARTITION_A_SECOND: f64 = 180_000.0;

// === impl Network ===

impl Network {
    /// Three orderers of eight processors, two peers each, 2 KB, cards of 10 Gbit/s, disks of 500 MB/s, three replicas.
    pub const USUAL: Self = Self {
        orderers: 3.0,
        cores: 8.0,
        peers: 2.0,
        envelope_bytes: 2_048.0,
        filters: 1.0,
        network_bytes: 1.25e9,
        disk_bytes: 500e6,
        replicas: 3.0,
    };

    /// Envelopes a second that each resource allows one channel, the least first.
    #[must_use]
    pub fn bounds(&self) -> Vec<(Resource, f64)> {
        let size = self.envelope_bytes;
        let admit = (ADMIT_US + FILTER_US * self.filters) / self.orderers;
        let deliver = DELIVER_US_A_BYTE * size * self.peers;
        // In: its clients' and all of the log. Out: to the log, and to its peers.
        let (inward, outward) = (size / self.orderers + size, size / self.orderers + size * self.peers);
        // In: all producers. Out: every orderer, and every further replica.
        let broker = size * (self.orderers + self.replicas - 1.0);
        let mut bounds = vec![
            (Resource::Processors, self.cores * 1e6 / (admit + ORDER_US + deliver)),
            (Resource::Chain, 1e6 / CHAIN_US),
            (Resource::OrdererNetwork, self.network_bytes / inward.max(outward)),
            (Resource::BrokerNetwork, self.network_bytes / broker.max(size)),
            (Resource::Disk, self.disk_bytes / size),
            (Resource::Partition, PARTITION_A_SECOND),
        ];
        bounds.sort_by(|one, other| one.1.total_cmp(&other.1));
        bounds
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]

    use super::*;

    /// What was measured: in flight, envelopes a second.
    const MEASURED: [(Machine, [(f64, f64); 4]); 2] = [
        (LOCAL, [(1.0, 1_223.0), (8.0, 6_187.0), (64.0, 11_799.0), (512.0, 13_042.0)]),
        (KAFKA, [(1.0, 2_051.0), (8.0, 6_834.0), (64.0, 11_315.0), (512.0, 11_701.0)]),
    ];

    #[test]
    fn the_model_is_as_near_to_what_was_measured_as_it_says() {
        for (machine, points) in MEASURED {
            for (in_flight, measured) in points {
                let error = machine.rate(in_flight) / measured - 1.0;
                assert!(error.abs() <= ERROR, "{machine:?} {in_flight}: {error:+.2}");
            }
        }
    }

    /// What the manual's tables say.
    fn tables() -> Vec<String> {
        let mut lines = Vec::new();
        for (name, machine, points) in [("local log", LOCAL, MEASURED[0].1), ("Kafka", KAFKA, MEASURED[1].1)]
        {
            for (in_flight, measured) in points {
                lines.push(format!(
                    "{name:<10} {in_flight:>9.0} {:>9.0} {measured:>9.0}",
                    machine.rate(in_flight)
                ));
            }
        }
        let usual = Network::USUAL;
        for (name, network) in [
            ("as above", usual),
            ("one orderer", Network { orderers: 1.0, ..usual }),
            ("seven orderers", Network { orderers: 7.0, ..usual }),
            ("20 peers each", Network { peers: 20.0, ..usual }),
            ("16 filters", Network { filters: 16.0, ..usual }),
            ("envelopes of 20 KB", Network { envelope_bytes: 20_480.0, ..usual }),
            ("cards of 1 Gbit/s", Network { network_bytes: 1.25e8, ..usual }),
        ] {
            let bounds = network.bounds();
            let [(first, most), (second, then)] = bounds[..2] else { unreachable!() };
            lines.push(format!("{name:<20} {most:>8.0}  {first:?}, then {second:?} at {then:.0}"));
        }
        lines
    }

    #[test]
    fn the_manual_quotes_the_model() {
        let page = crate::manual::PAGES.iter().find(|page| page.name == "scale").unwrap().text;
        for line in tables() {
            assert!(page.contains(&line), "the manual lacks this line:\n{}", tables().join("\n"));
        }
    }

    #[test]
    fn more_of_anything_that_costs_is_never_faster() {
        let usual = Network::USUAL;
        let least = |network: Network| network.bounds()[0].1;
        for worse in [
            Network { peers: 50.0, ..usual },
            Network { filters: 60.0, ..usual },
            Network { envelope_bytes: 100_000.0, ..usual },
            Network { orderers: 1.0, ..usual },
            Network { disk_bytes: 50e6, ..usual },
            Network { replicas: 30.0, ..usual },
        ] {
            assert!(least(worse) < least(usual), "{worse:?}");
        }
    }
}
