// Command go-wire prints what Go's protobuf library makes of odd bytes, as JSON lines.
package main

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
)

// line is one case of the table.
type line struct {
	Category string  `json:"category"`
	Message  string  `json:"message"`
	Input    string  `json:"input"`
	Fails    bool    `json:"fails,omitempty"`
	Output   *string `json:"output,omitempty"` // Absent when it is the input.
	Record   *record `json:"record,omitempty"`
}

// table collects cases; an input that was tried before is left out.
type table struct {
	lines []line
	seen  map[string]bool
}

func (t *table) add(category, message string, input []byte) {
	key := message + string(input)
	if t.seen[key] {
		return
	}
	t.seen[key] = true
	l := line{Category: category, Message: message, Input: hex.EncodeToString(input)}
	output, rec, err := read(message, input)
	if err != nil {
		l.Fails = true
	} else if l.Record = rec; !bytes.Equal(output, input) {
		text := hex.EncodeToString(output)
		l.Output = &text
	}
	t.lines = append(t.lines, l)
}

func run() error {
	t := &table{seen: map[string]bool{}}
	recorded, err := recordedSeeds("../golden/fabric-2.5/mychannel.topic.jsonl.gz")
	if err != nil {
		return err
	}
	addAll(t, seeds(), recorded)

	out := bufio.NewWriter(os.Stdout)
	encoder := json.NewEncoder(out)
	for _, l := range t.lines {
		if err := encoder.Encode(l); err != nil {
			return err
		}
	}
	return out.Flush()
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "go-wire:", err)
		os.Exit(1)
	}
}
