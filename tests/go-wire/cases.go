package main

import (
	"bytes"
	"slices"

	"google.golang.org/protobuf/encoding/protowire"
)

// maxNumber is the greatest field number of a message; inside a group it is 1<<31 - 1.
const maxNumber = 1<<29 - 1

var wireTypes = []protowire.Type{
	protowire.VarintType, protowire.Fixed64Type, protowire.BytesType, protowire.StartGroupType, protowire.Fixed32Type,
}

// tag is a tag of any number and wire type, valid or not, as its shortest varint.
func tag(number uint64, wireType protowire.Type) []byte {
	return protowire.AppendVarint(nil, number<<3|uint64(wireType))
}

// field is a well-formed field of any wire type.
func field(number uint64, wireType protowire.Type) []byte {
	b := tag(number, wireType)
	switch wireType {
	case protowire.VarintType:
		return append(b, 0x96, 0x01)
	case protowire.Fixed64Type:
		return append(b, 1, 2, 3, 4, 5, 6, 7, 8)
	case protowire.Fixed32Type:
		return append(b, 1, 2, 3, 4)
	case protowire.BytesType:
		return append(b, 2, 8, 1) // Also a message: field 1 is the number 1.
	case protowire.StartGroupType:
		return slices.Concat(b, []byte{0x08, 0x01}, tag(number, protowire.EndGroupType))
	default:
		return b
	}
}

// bytesField is a field of wire type 2.
func bytesField(number protowire.Number, content []byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(nil, number, protowire.BytesType), content)
}

// padded is a varint of at least n bytes.
func padded(value uint64, n int) []byte {
	b := protowire.AppendVarint(nil, value)
	for len(b) < n {
		b[len(b)-1] |= 0x80
		b = append(b, 0)
	}
	return b
}

// addAll fills the table: every rule with every seed, then rules that only some messages have, then chance.
func addAll(t *table, seeds, recorded []seed) {
	for _, s := range seeds {
		t.add("canonical", s.message, s.bytes)
		for end := range s.bytes {
			t.add("truncated", s.message, s.bytes[:end])
		}
		addUnknown(t, s)
		addGroups(t, s)
		addMalformed(t, s)
		addRewritten(t, s)
	}
	addNested(t)
	addOneofs(t)
	addMaps(t)
	addScalars(t)
	addTexts(t)
	for _, s := range recorded {
		t.add("recorded", s.message, s.bytes)
		t.add("recorded", s.message, slices.Concat(field(9, protowire.VarintType), s.bytes, field(8, protowire.BytesType)))
	}
	addMutations(t, seeds, recorded)
}

// around adds a fragment before a seed, after it and after its first field.
func around(t *table, category string, s seed, fragment []byte) {
	t.add(category, s.message, slices.Concat(fragment, s.bytes))
	t.add(category, s.message, slices.Concat(s.bytes, fragment))
	if _, _, n := protowire.ConsumeField(s.bytes); n > 0 {
		t.add(category, s.message, slices.Concat(s.bytes[:n], fragment, s.bytes[n:]))
	}
}

func addUnknown(t *table, s seed) {
	for _, wireType := range wireTypes {
		around(t, "unknown-field", s, field(13, wireType))
	}
	for _, number := range []uint64{16, 2047, 2048, 19000, maxNumber} {
		twice := slices.Concat(field(number, protowire.BytesType), field(number, protowire.VarintType))
		t.add("unknown-field", s.message, slices.Concat(s.bytes, twice))
	}
	all := []byte{}
	for _, wireType := range wireTypes {
		all = append(all, field(30, wireType)...)
	}
	around(t, "unknown-field", s, all)
}

func addGroups(t *table, s seed) {
	start, end := tag(13, protowire.StartGroupType), tag(13, protowire.EndGroupType)
	inner := func(content ...[]byte) []byte {
		return slices.Concat(start, slices.Concat(content...), end)
	}
	for _, fragment := range [][]byte{
		inner(),
		inner(inner(inner())),
		inner(field(1, protowire.BytesType), field(2, protowire.StartGroupType), field(3, protowire.Fixed64Type)),
		inner(field(maxNumber, protowire.VarintType)),
		inner(field(maxNumber+1, protowire.VarintType)),
		inner(field(1<<31-1, protowire.StartGroupType)),
		inner(field(1<<31, protowire.VarintType)),
		inner(field(0, protowire.VarintType)),
		inner(tag(1, 6)),
		inner(tag(1, 7)),
		inner(tag(14, protowire.EndGroupType)),
		slices.Concat(start, padded(13<<3|4, 5)),
		slices.Concat(start, padded(13<<3|4, 10)),
		slices.Concat(start, tag(14, protowire.StartGroupType), end),
		slices.Concat(start, tag(14, protowire.StartGroupType), end, tag(14, protowire.EndGroupType)),
		slices.Concat(start, field(1, protowire.VarintType)),
		start,
	} {
		around(t, "group", s, fragment)
	}
}

func addMalformed(t *table, s seed) {
	for _, wireType := range []protowire.Type{6, 7} {
		around(t, "reserved-wire-type", s, append(tag(1, wireType), 0))
		around(t, "reserved-wire-type", s, append(tag(13, wireType), 0))
	}
	for _, number := range []uint64{1, 2, 13, maxNumber} {
		around(t, "end-group", s, tag(number, protowire.EndGroupType))
	}
	for _, number := range []uint64{0, maxNumber, maxNumber + 1, 1<<31 - 1, 1 << 31, 1 << 32, 1<<61 - 1} {
		for _, wireType := range []protowire.Type{protowire.VarintType, protowire.BytesType, protowire.StartGroupType} {
			t.add("field-number", s.message, slices.Concat(s.bytes, field(number, wireType)))
		}
	}
	maxVarint := bytes.Repeat([]byte{0xff}, 9)
	for _, varint := range [][]byte{
		padded(1, 9), padded(1, 10), padded(1, 11), padded(1, 12),
		append(slices.Clone(maxVarint), 1), append(slices.Clone(maxVarint), 2), append(slices.Clone(maxVarint), 0x7f),
		append(slices.Clone(maxVarint), 0x81, 0), maxVarint,
	} {
		// As a value, as a tag, as a length, and inside a group.
		t.add("varint", s.message, slices.Concat(s.bytes, tag(13, protowire.VarintType), varint))
		t.add("varint", s.message, slices.Concat(s.bytes, varint))
		t.add("varint", s.message, slices.Concat(s.bytes, tag(13, protowire.BytesType), varint, []byte{7}))
		t.add("varint", s.message, slices.Concat(s.bytes, tag(13, 3), tag(1, protowire.VarintType), varint, tag(13, 4)))
	}
}

// addRewritten changes each top-level field of a seed in ways that Go must forgive.
func addRewritten(t *table, s seed) {
	for rest := s.bytes; len(rest) > 0; {
		number, wireType, n := protowire.ConsumeField(rest)
		before, whole, after := s.bytes[:len(s.bytes)-len(rest)], rest[:n], rest[n:]
		_, _, tagLen := protowire.ConsumeTag(whole)
		value := whole[tagLen:]
		for _, other := range wireTypes {
			if other != wireType {
				t.add("wrong-wire-type", s.message, slices.Concat(before, field(uint64(number), other), after))
				t.add("wrong-wire-type", s.message, slices.Concat(s.bytes, field(uint64(number), other)))
			}
		}
		t.add("repeated-field", s.message, slices.Concat(before, whole, whole, after))
		t.add("repeated-field", s.message, slices.Concat(s.bytes, whole))
		t.add("repeated-field", s.message, slices.Concat(s.bytes, field(uint64(number), wireType)))
		t.add("repeated-field", s.message, slices.Concat(field(uint64(number), wireType), s.bytes))
		t.add("missing-field", s.message, slices.Concat(before, after))
		t.add("reordered-field", s.message, slices.Concat(after, whole, before))
		for _, width := range []int{2, 5, 10, 11} {
			tag := padded(uint64(number)<<3|uint64(wireType), width)
			t.add("padded-tag", s.message, slices.Concat(before, tag, value, after))
			if content, n := protowire.ConsumeBytes(value); wireType == protowire.BytesType && n > 0 {
				length := padded(uint64(len(content)), width)
				t.add("padded-length", s.message, slices.Concat(before, whole[:tagLen], length, content, after))
			}
		}
		if wireType == protowire.BytesType {
			t.add("empty-field", s.message, slices.Concat(before, bytesField(number, nil), after))
			t.add("empty-field", s.message, slices.Concat(s.bytes, bytesField(number, nil)))
		} else {
			t.add("empty-field", s.message, slices.Concat(s.bytes, whole[:tagLen], []byte{0}))
		}
		rest = after
	}
}
