package main

import (
	"math/rand/v2"
	"slices"

	"google.golang.org/protobuf/encoding/protowire"
)

// Cases made by chance, of each small seed and of each recorded one, in each of two ways.
const (
	mutationsPerSeed     = 75
	mutationsPerRecorded = 8
)

// chance draws numbers that are the same each time and with each version of Go.
type chance struct{ source *rand.PCG }

func (c chance) below(n int) int {
	return int(c.source.Uint64() % uint64(n))
}

// interesting bytes are likely to mean something in another place.
var interesting = []byte{0, 1, 2, 3, 4, 6, 7, 8, 10, 11, 12, 13, 16, 18, 26, 0x7f, 0x80, 0x81, 0xff}

func addMutations(t *table, seeds, recorded []seed) {
	c := chance{rand.NewPCG(1, 2)}
	for _, s := range seeds {
		for range mutationsPerSeed {
			t.add("mutated-bytes", s.message, c.mutateBytes(s.bytes))
			t.add("mutated-fields", s.message, c.mutateFields(s.bytes))
		}
	}
	for _, s := range recorded {
		for range mutationsPerRecorded {
			t.add("mutated-recorded", s.message, c.mutateBytes(s.bytes))
			t.add("mutated-recorded", s.message, c.mutateFields(s.bytes))
		}
	}
}

// mutateBytes changes one or two places, most often to something that is no message.
func (c chance) mutateBytes(bytes []byte) []byte {
	b := slices.Clone(bytes)
	for range 1 + c.below(2) {
		at := c.below(len(b) + 1)
		switch c.below(5) {
		case 0: // Put a byte in.
			b = slices.Insert(b, at, interesting[c.below(len(interesting))])
		case 1: // Take some out.
			b = slices.Delete(b, at, min(len(b), at+1+c.below(3)))
		case 2: // Say something twice.
			b = slices.Insert(b, at, slices.Clone(b[at:min(len(b), at+1+c.below(8))])...)
		case 3: // Flip a bit.
			if at < len(b) {
				b[at] ^= 1 << c.below(8)
			}
		default:
			if at < len(b) {
				b[at] = interesting[c.below(len(interesting))]
			}
		}
	}
	return b
}

// mutateFields changes whole fields, at any depth, and keeps lengths right.
func (c chance) mutateFields(bytes []byte) []byte {
	fields := split(bytes)
	for range 1 + c.below(3) {
		at := c.below(len(fields) + 1)
		switch c.below(5) {
		case 0: // One more field, perhaps a known one of a wrong wire type.
			wireType := wireTypes[c.below(len(wireTypes))]
			fields = slices.Insert(fields, at, field(uint64(1+c.below(14)), wireType))
		case 1: // A field again, in another place.
			if len(fields) > 0 {
				fields = slices.Insert(fields, at, fields[c.below(len(fields))])
			}
		case 2: // One field less.
			if at < len(fields) {
				fields = slices.Delete(fields, at, at+1)
			}
		default: // The same inside a field.
			if at < len(fields) {
				if number, content, ok := splitBytesField(fields[at]); ok {
					fields[at] = bytesField(number, c.mutateFields(content))
				}
			}
		}
	}
	return slices.Concat(fields...)
}

// split cuts a message into its fields; what is no field is one piece at the end.
func split(bytes []byte) [][]byte {
	var fields [][]byte
	for len(bytes) > 0 {
		_, _, n := protowire.ConsumeField(bytes)
		if n < 0 {
			n = len(bytes)
		}
		fields = append(fields, bytes[:n:n])
		bytes = bytes[n:]
	}
	return fields
}

// splitBytesField takes a field of wire type 2 apart; anything else is not ok.
func splitBytesField(b []byte) (number protowire.Number, content []byte, ok bool) {
	number, wireType, n := protowire.ConsumeTag(b)
	if n < 0 || wireType != protowire.BytesType {
		return 0, nil, false
	}
	content, n = protowire.ConsumeBytes(b[n:])
	return number, content, n >= 0
}
