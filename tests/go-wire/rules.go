package main

import (
	"bytes"
	"math"
	"slices"

	"google.golang.org/protobuf/encoding/protowire"
)

// addNested tries how deep groups may go.
func addNested(t *table) {
	for _, levels := range []int{100, 10001, 10002} {
		start, end := tag(3, protowire.StartGroupType), tag(3, protowire.EndGroupType)
		input := slices.Concat(bytes.Repeat(start, levels), bytes.Repeat(end, levels))
		t.add("group-depth", "common.Envelope", input)
	}
}

// addOneofs tries members of a oneof one after the other.
func addOneofs(t *table) {
	regular := func(fields ...[]byte) []byte { return bytesField(1, slices.Concat(fields...)) }
	cut := func(fields ...[]byte) []byte { return bytesField(2, slices.Concat(fields...)) }
	connect := bytesField(3, []byte{10, 1, 7})
	payload, sequence, class, offset := []byte{10, 1, 65}, []byte{16, 4}, []byte{24, 1}, []byte{32, 9}
	broken := []byte{10, 9}
	for _, input := range [][]byte{
		slices.Concat(regular(payload), regular(sequence), regular(class), regular(offset)),
		slices.Concat(regular(payload, class), regular([]byte{10, 0}, []byte{24, 0})),
		slices.Concat(regular(payload, sequence), cut([]byte{8, 5}), regular(class)),
		slices.Concat(regular(payload), connect, regular(sequence)),
		slices.Concat(cut([]byte{8, 5}), cut()),
		slices.Concat(cut([]byte{8, 5}), cut([]byte{8, 6})),
		slices.Concat(cut([]byte{8, 5}), connect),
		slices.Concat(connect, cut()),
		slices.Concat(regular(payload), []byte{16, 1}),
		slices.Concat(regular(payload), []byte{29, 1, 2, 3, 4}, regular(sequence)),
		slices.Concat([]byte{8, 1}, cut()),
		slices.Concat(regular(payload), connect, []byte{8, 1}),
		slices.Concat(regular(broken), connect),
		slices.Concat(cut(broken), regular(payload)),
		slices.Concat(bytesField(3, broken), regular(payload)),
		regular(payload, []byte{13, 1, 2, 3, 4}, sequence),
		regular(payload, []byte{18, 1, 4}, []byte{26, 0}),
		regular(field(9, protowire.StartGroupType), payload),
		regular(tag(1, protowire.EndGroupType)),
		regular(), cut(), bytesField(3, nil), nil,
		bytesField(4, payload),
	} {
		t.add("oneof", "orderer.KafkaMessage", input)
	}
	newest, specified := bytesField(1, nil), bytesField(3, []byte{8, 7})
	t.add("oneof", "orderer.SeekPosition", slices.Concat(newest, specified, specified))
	t.add("oneof", "orderer.SeekPosition", slices.Concat(specified, newest, bytesField(3, nil)))
	t.add("oneof", "orderer.SeekPosition", slices.Concat(specified, bytesField(3, nil)))
	signature, reference := bytesField(1, []byte{8, 1}), bytesField(2, []byte("x"))
	t.add("oneof", "common.ApplicationPolicy", slices.Concat(signature, reference))
	t.add("oneof", "common.ApplicationPolicy", slices.Concat(reference, signature, bytesField(1, bytesField(2, nil))))
	t.add("oneof", "common.ApplicationPolicy", slices.Concat(reference, bytesField(2, nil)))
	rule := func(content []byte) []byte { return bytesField(2, content) }
	signedBy, nOutOf, oneMore := []byte{8, 0}, bytesField(2, []byte{8, 1}), bytesField(2, bytesField(2, nil))
	t.add("oneof", "common.SignaturePolicyEnvelope", rule(slices.Concat(signedBy, nOutOf)))
	t.add("oneof", "common.SignaturePolicyEnvelope", rule(slices.Concat(nOutOf, oneMore)))
	t.add("oneof", "common.SignaturePolicyEnvelope", rule(slices.Concat(nOutOf, signedBy)))
}

// addMaps tries entries of maps: of messages, of bytes.
func addMaps(t *table) {
	key, other := bytesField(1, []byte("k")), bytesField(1, []byte("j"))
	version, bytesValue := bytesField(2, []byte{8, 1}), bytesField(2, []byte{8, 2})
	modPolicy := bytesField(2, []byte{42, 1, 65})
	for _, entries := range [][][]byte{
		{key}, {version}, {nil},
		{slices.Concat(key, version), slices.Concat(key, modPolicy)},
		{slices.Concat(key, version), slices.Concat(other, modPolicy), slices.Concat(key, bytesValue)},
		{slices.Concat(key, version, modPolicy)},
		{slices.Concat(version, modPolicy, key, other)},
		{slices.Concat(version, key)},
		{slices.Concat(key, field(2, protowire.VarintType)), slices.Concat(field(1, protowire.Fixed32Type), version)},
		{slices.Concat(key, version, field(3, protowire.BytesType), field(9, protowire.StartGroupType))},
		{slices.Concat(key, field(maxNumber, protowire.VarintType))},
		{slices.Concat(key, field(maxNumber+1, protowire.VarintType))},
		{slices.Concat(key, field(0, protowire.VarintType))},
		{slices.Concat(key, tag(2, protowire.EndGroupType))},
		{slices.Concat(key, tag(2, 6))},
		{slices.Concat(bytesField(1, []byte{0xff}), version)},
		{slices.Concat(key, bytesField(2, []byte{8}))},
		{slices.Concat(key, bytesField(2, []byte{42, 1, 0xff}))},
		{slices.Concat(key, []byte{18, 9})},
		{slices.Concat(key, bytesField(2, bytesField(13, nil)))},
	} {
		groups, isolated, capabilities := []byte{}, []byte{}, []byte{}
		for _, entry := range entries {
			groups = append(groups, bytesField(2, entry)...)
			isolated = append(isolated, bytesField(5, entry)...)
			capabilities = append(capabilities, bytesField(1, entry)...)
		}
		t.add("map", "common.ConfigGroup", groups)
		t.add("map", "common.ConfigUpdate", isolated)
		t.add("map", "common.ConfigUpdate", bytesField(3, groups))
		t.add("map", "common.Capabilities", capabilities)
	}
}

// addScalars tries numbers that do not fit their field.
func addScalars(t *table) {
	for _, value := range []uint64{
		0, 1, 2, 127, 1<<31 - 1, 1 << 31, 1<<32 - 1, 1 << 32, 1<<32 + 5, 1<<63 - 1, 1 << 63, math.MaxUint64,
	} {
		varint := protowire.AppendVarint(nil, value)
		number := func(n uint64) []byte { return append(tag(n, protowire.VarintType), varint...) }
		t.add("scalar", "orderer.BatchSize", slices.Concat(number(1), number(2), number(3)))
		t.add("scalar", "common.ChannelHeader", slices.Concat(number(1), number(2), number(6)))
		t.add("scalar", "common.ChannelHeader", bytesField(3, slices.Concat(number(1), number(2))))
		t.add("scalar", "orderer.ConsensusType", number(3))
		t.add("scalar", "orderer.KafkaMetadata", slices.Concat(number(1), number(2), number(3)))
		t.add("scalar", "orderer.KafkaMessage", bytesField(1, slices.Concat(number(2), number(3), number(4))))
		t.add("scalar", "orderer.KafkaMessage", bytesField(2, number(1)))
		t.add("scalar", "msp.FabricMSPConfig", bytesField(11, number(1)))
		t.add("scalar", "common.SignaturePolicyEnvelope", slices.Concat(number(1), bytesField(2, number(1))))
	}
}

// addTexts tries bytes that are UTF-8 and bytes that are not, as text and as bytes.
func addTexts(t *table) {
	for _, text := range []string{
		"", "a", "é", "\u0000", "\u20ac", "\U0001f9f5", "\uffff", "\U0010ffff",
		"\xff", "a\x80", "\xc3", "\xc0\x80", "\xe0\x80\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xf0\x9f\xa7",
	} {
		content := []byte(text)
		t.add("utf8", "common.ChannelHeader", bytesField(4, content))
		t.add("utf8", "common.ChannelHeader", bytesField(5, content))
		t.add("utf8", "common.ChannelHeader", bytesField(7, content))
		t.add("utf8", "common.ChannelHeader", slices.Concat(bytesField(4, content), bytesField(4, []byte("last"))))
		t.add("utf8", "common.ChannelHeader", bytesField(9, content))
		t.add("utf8", "common.OrdererAddresses", slices.Concat(bytesField(1, content), bytesField(1, content)))
		t.add("utf8", "common.ConfigUpdate", slices.Concat(bytesField(1, content), bytesField(3, bytesField(5, content))))
		t.add("utf8", "common.ConfigGroup", bytesField(2, bytesField(1, content)))
		t.add("utf8", "common.ApplicationPolicy", bytesField(2, content))
		t.add("utf8", "msp.SerializedIdentity", slices.Concat(bytesField(1, content), bytesField(2, content)))
		t.add("utf8", "common.Envelope", slices.Concat(bytesField(1, content), bytesField(3, content)))
	}
}
