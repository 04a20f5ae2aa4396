package main

import (
	"bufio"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"os"
	"slices"

	legacy "github.com/golang/protobuf/proto"
	"github.com/hyperledger/fabric-protos-go/common"
	"github.com/hyperledger/fabric-protos-go/msp"
	"github.com/hyperledger/fabric-protos-go/orderer"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// seed is an ordinary message that cases are made from.
type seed struct {
	message string
	bytes   []byte
}

// seeds are small messages that together use all kinds of fields.
func seeds() []seed {
	var all []seed
	for _, m := range slices.Concat(ordererMessages(), commonMessages(), configMessages()) {
		all = append(all, newSeed(m))
	}
	return all
}

func ordererMessages() []legacy.Message {
	regular := &orderer.KafkaMessage_Regular{Regular: &orderer.KafkaMessageRegular{
		Payload: []byte{10, 1, 65}, ConfigSeq: 300, Class: orderer.KafkaMessageRegular_CONFIG, OriginalOffset: 5,
	}}
	cut := &orderer.KafkaMessage_TimeToCut{TimeToCut: &orderer.KafkaMessageTimeToCut{BlockNumber: 1 << 40}}
	connect := &orderer.KafkaMessage_Connect{Connect: &orderer.KafkaMessageConnect{Payload: []byte{9}}}
	specified := &orderer.SeekPosition_Specified{Specified: &orderer.SeekSpecified{Number: 9}}
	return []legacy.Message{
		&orderer.KafkaMessage{Type: regular},
		&orderer.KafkaMessage{Type: cut},
		&orderer.KafkaMessage{Type: connect},
		&orderer.KafkaMetadata{
			LastOffsetPersisted: -3, LastOriginalOffsetProcessed: 7, LastResubmittedConfigOffset: 1 << 62,
		},
		&orderer.BatchSize{MaxMessageCount: 10, AbsoluteMaxBytes: 1 << 20, PreferredMaxBytes: 1<<32 - 1},
		&orderer.ConsensusType{Type: "kafka", Metadata: []byte{1}, State: orderer.ConsensusType_STATE_MAINTENANCE},
		&orderer.SeekPosition{Type: specified},
	}
}

func commonMessages() []legacy.Message {
	header := &common.Header{ChannelHeader: []byte{8, 3}, SignatureHeader: []byte{10, 0}}
	return []legacy.Message{
		&common.Envelope{Payload: []byte("pay"), Signature: []byte{0xde, 0xad}},
		&common.ChannelHeader{
			Type: -2, Version: 1, Timestamp: &timestamppb.Timestamp{Seconds: 5, Nanos: 6}, ChannelId: "my",
			TxId: "ü", Epoch: 1, Extension: []byte{3}, TlsCertHash: []byte{4},
		},
		&common.SignatureHeader{Creator: []byte{1, 2}, Nonce: []byte{3}},
		&common.Payload{Header: header, Data: []byte{1}},
		&common.Metadata{Value: []byte{1}, Signatures: []*common.MetadataSignature{{SignatureHeader: []byte{1}}, {}}},
		&common.OrdererAddresses{Addresses: []string{"a:1", "", "b:2"}},
		&common.Block{
			Header: &common.BlockHeader{Number: 1}, Data: &common.BlockData{Data: [][]byte{{1}, {}}},
			Metadata: &common.BlockMetadata{},
		},
	}
}

func configMessages() []legacy.Message {
	policy := &common.Policy{Type: 3, Value: []byte{1}}
	group := &common.ConfigGroup{
		Version:   1,
		Groups:    map[string]*common.ConfigGroup{"Org1": {ModPolicy: "é"}, "": {}},
		Values:    map[string]*common.ConfigValue{"B": {Value: []byte{0xff}}},
		Policies:  map[string]*common.ConfigPolicy{"W": {Version: 300, Policy: policy, ModPolicy: "Admins"}},
		ModPolicy: "A",
	}
	rules := []*common.SignaturePolicy{{Type: &common.SignaturePolicy_SignedBy{SignedBy: 0}}, {}}
	nOutOf := &common.SignaturePolicy_NOutOf_{NOutOf: &common.SignaturePolicy_NOutOf{N: 1, Rules: rules}}
	principal := &msp.MSPPrincipal{PrincipalClassification: msp.MSPPrincipal_IDENTITY, Principal: []byte{7}}
	signaturePolicy := &common.SignaturePolicyEnvelope{
		Version: -1, Rule: &common.SignaturePolicy{Type: nOutOf}, Identities: []*msp.MSPPrincipal{principal},
	}
	reference := &common.ApplicationPolicy_ChannelConfigPolicyReference{ChannelConfigPolicyReference: "x"}
	ou := &msp.FabricOUIdentifier{Certificate: []byte{1}, OrganizationalUnitIdentifier: "peer"}
	return []legacy.Message{
		group,
		&common.Capabilities{Capabilities: map[string]*common.Capability{"V2_0": {}}},
		&common.ConfigUpdate{
			ChannelId: "my", ReadSet: &common.ConfigGroup{}, WriteSet: group,
			IsolatedData: map[string][]byte{"k": {1}, "l": nil},
		},
		&common.ConfigEnvelope{
			Config:     &common.Config{Sequence: 1, ChannelGroup: group},
			LastUpdate: &common.Envelope{Payload: []byte{1}},
		},
		signaturePolicy,
		&common.ApplicationPolicy{Type: &common.ApplicationPolicy_SignaturePolicy{SignaturePolicy: signaturePolicy}},
		&common.ApplicationPolicy{Type: reference},
		&msp.SerializedIdentity{Mspid: "Org1MSP", IdBytes: []byte{0x2d}},
		&msp.FabricMSPConfig{
			Name: "M", RootCerts: [][]byte{{1}}, OrganizationalUnitIdentifiers: []*msp.FabricOUIdentifier{ou},
			FabricNodeOus: &msp.FabricNodeOUs{Enable: true, PeerOuIdentifier: ou},
		},
	}
}

func newSeed(m legacy.Message) seed {
	v2 := legacy.MessageV2(m)
	bytes, err := proto.MarshalOptions{Deterministic: true}.Marshal(v2)
	if err != nil {
		panic(err) // The messages above are fixed.
	}
	return seed{string(v2.ProtoReflect().Descriptor().FullName()), bytes}
}

// recordedKinds leaves out CONFIG, whose records would make the table twice as large.
const recordedKinds = 3

// recordedSeeds takes the first record of each kind but CONFIG from a recorded topic, and the envelope in it.
func recordedSeeds(path string) ([]seed, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	unzipped, err := gzip.NewReader(file)
	if err != nil {
		return nil, err
	}
	lines := bufio.NewScanner(unzipped)
	lines.Buffer(nil, 16<<20)
	var all []seed
	taken := map[string]bool{}
	for lines.Scan() {
		var entry struct {
			Kind  string
			Value []byte
		}
		if err := json.Unmarshal(lines.Bytes(), &entry); err != nil {
			return nil, err
		}
		if taken[entry.Kind] || entry.Kind == "CONFIG" {
			continue
		}
		taken[entry.Kind] = true
		all = append(all, seed{"orderer.KafkaMessage", entry.Value})
		var message orderer.KafkaMessage
		if err := legacy.Unmarshal(entry.Value, &message); err != nil {
			return nil, err
		}
		if regular := message.GetRegular(); regular != nil {
			all = append(all, seed{"common.Envelope", regular.Payload})
		}
	}
	if len(taken) != recordedKinds {
		return nil, fmt.Errorf("%s: %d kinds of records, not %d", path, len(taken), recordedKinds)
	}
	return all, lines.Err()
}
