//! Compiles the services of `orderer/ab.proto` and of our own `node.proto`, without a system `protoc`, upon the
//! messages of raddle-proto.

use std::{env, error::Error, fs, path::Path};

use prost::Message;

const INCLUDES: [&str; 2] = ["../../proto/fabric", "../../proto/raddle"];

fn main() -> Result<(), Box<dyn Error>> {
    for include in INCLUDES {
        println!("cargo::rerun-if-changed={include}");
    }
    let out_dir = env::var_os("OUT_DIR").ok_or("OUT_DIR is not set")?;
    let out_dir = Path::new(&out_dir);
    let (server_dir, client_dir) = (out_dir.join("server"), out_dir.join("client"));
    fs::create_dir_all(&server_dir)?;
    fs::create_dir_all(&client_dir)?;

    let descriptors = protox::compile(["orderer/ab.proto", "node.proto"], INCLUDES)?;
    fs::write(out_dir.join("descriptors.bin"), descriptors.encode_to_vec())?;

    let messages = || {
        let builder = tonic_prost_build::configure().build_transport(false);
        let builder = builder.extern_path(".common", "::raddle_proto::common");
        builder.extern_path(".orderer", "::raddle_proto::orderer")
    };
    // A server reads envelopes by Go's rules and keeps all that is in them, and sends blocks as the bytes they are in
    // the store; for a client prost's types will do.
    messages()
        .extern_path(".common.Envelope", "::raddle_proto::wire::Envelope")
        .extern_path(".orderer.DeliverResponse", "crate::codec::Delivered")
        .extern_path(".raddle.node.v1", "crate::client::node")
        .codec_path("crate::codec::EnvelopeCodec")
        .build_client(false)
        .out_dir(server_dir)
        .compile_fds(descriptors.clone())?;
    messages().build_server(false).out_dir(client_dir).compile_fds(descriptors)?;
    Ok(())
}
