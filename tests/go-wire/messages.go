package main

import (
	"encoding/hex"

	legacy "github.com/golang/protobuf/proto"
	"github.com/hyperledger/fabric-protos-go/common"
	"github.com/hyperledger/fabric-protos-go/msp"
	"github.com/hyperledger/fabric-protos-go/orderer"
	"google.golang.org/protobuf/proto"
)

// messages are the types that the table covers, by full name.
var messages = map[string]func() legacy.Message{
	"common.ApplicationPolicy":       func() legacy.Message { return &common.ApplicationPolicy{} },
	"common.Block":                   func() legacy.Message { return &common.Block{} },
	"common.Capabilities":            func() legacy.Message { return &common.Capabilities{} },
	"common.ChannelHeader":           func() legacy.Message { return &common.ChannelHeader{} },
	"common.ConfigEnvelope":          func() legacy.Message { return &common.ConfigEnvelope{} },
	"common.ConfigGroup":             func() legacy.Message { return &common.ConfigGroup{} },
	"common.ConfigUpdate":            func() legacy.Message { return &common.ConfigUpdate{} },
	"common.Envelope":                func() legacy.Message { return &common.Envelope{} },
	"common.Metadata":                func() legacy.Message { return &common.Metadata{} },
	"common.OrdererAddresses":        func() legacy.Message { return &common.OrdererAddresses{} },
	"common.Payload":                 func() legacy.Message { return &common.Payload{} },
	"common.SignaturePolicyEnvelope": func() legacy.Message { return &common.SignaturePolicyEnvelope{} },
	"common.SignatureHeader":         func() legacy.Message { return &common.SignatureHeader{} },
	"msp.FabricMSPConfig":            func() legacy.Message { return &msp.FabricMSPConfig{} },
	"msp.SerializedIdentity":         func() legacy.Message { return &msp.SerializedIdentity{} },
	"orderer.BatchSize":              func() legacy.Message { return &orderer.BatchSize{} },
	"orderer.ConsensusType":          func() legacy.Message { return &orderer.ConsensusType{} },
	"orderer.KafkaMessage":           func() legacy.Message { return &orderer.KafkaMessage{} },
	"orderer.KafkaMetadata":          func() legacy.Message { return &orderer.KafkaMetadata{} },
	"orderer.SeekPosition":           func() legacy.Message { return &orderer.SeekPosition{} },
}

// record is what an orderer reads of a KafkaMessage.
type record struct {
	Kind           string `json:"kind"`
	Payload        string `json:"payload,omitempty"`
	ConfigSequence uint64 `json:"config_sequence,omitempty"`
	Class          int32  `json:"class,omitempty"`
	OriginalOffset int64  `json:"original_offset,omitempty"`
	BlockNumber    uint64 `json:"block_number,omitempty"`
}

// read unmarshals input and marshals what came of it.
func read(name string, input []byte) ([]byte, *record, error) {
	message := messages[name]()
	if name == "common.Envelope" {
		// As an orderer does: unknown fields stay.
		if err := legacy.Unmarshal(input, message); err != nil {
			return nil, nil, err
		}
		output, err := legacy.Marshal(message)
		return output, nil, err
	}
	// Unknown fields are checked alike when they are discarded.
	options := proto.UnmarshalOptions{DiscardUnknown: true}
	if err := options.Unmarshal(input, legacy.MessageV2(message)); err != nil {
		return nil, nil, err
	}
	output, err := proto.MarshalOptions{Deterministic: true}.Marshal(legacy.MessageV2(message))
	if kafka, ok := message.(*orderer.KafkaMessage); ok && err == nil {
		return output, recordOf(kafka), nil
	}
	return output, nil, err
}

func recordOf(message *orderer.KafkaMessage) *record {
	switch t := message.Type.(type) {
	case *orderer.KafkaMessage_Regular:
		return &record{
			Kind:           "regular",
			Payload:        hex.EncodeToString(t.Regular.Payload),
			ConfigSequence: t.Regular.ConfigSeq,
			Class:          int32(t.Regular.Class),
			OriginalOffset: t.Regular.OriginalOffset,
		}
	case *orderer.KafkaMessage_TimeToCut:
		return &record{Kind: "time-to-cut", BlockNumber: t.TimeToCut.BlockNumber}
	case *orderer.KafkaMessage_Connect:
		return &record{Kind: "connect"}
	default:
		return &record{Kind: "none"}
	}
}
