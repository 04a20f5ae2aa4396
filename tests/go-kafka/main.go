// Command go-kafka writes and reads a topic as Fabric's Go orderers do: through the client that they vendor.
package main

import (
	"bufio"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/Shopify/sarama"
)

// The partition that holds a channel, and the key of every record in it.
const (
	partition = 0
	key       = "0"
)

// After so long something hangs.
const patience = 2 * time.Minute

const usage = `usage: go-kafka produce ADDRESS TOPIC
       go-kafka consume ADDRESS TOPIC OFFSET COUNT`

// settings are a Go orderer's, as far as they do not speak of retries and timeouts.
func settings() *sarama.Config {
	config := sarama.NewConfig()
	config.Version = sarama.V0_10_2_0
	config.Consumer.Return.Errors = true
	config.Producer.MaxMessageBytes = int(sarama.MaxRequestSize) - 1<<20
	// The partition is in the message.
	config.Producer.Partitioner = sarama.NewManualPartitioner
	config.Producer.RequiredAcks = sarama.WaitForAll
	config.Producer.Return.Successes = true
	return config
}

// produce sends what it reads, a value a line in base64, and prints the offset of each. What is read while a request
// is under way goes in one message set, as the envelopes of many broadcast streams do.
func produce(address, topic string) error {
	producer, err := sarama.NewAsyncProducer([]string{address}, settings())
	if err != nil {
		return err
	}
	read := make(chan error, 1)
	go func() {
		read <- send(os.Stdin, topic, producer.Input())
		producer.AsyncClose()
	}()
	successes, failures := producer.Successes(), producer.Errors()
	for successes != nil || failures != nil {
		select {
		case message, open := <-successes:
			if !open {
				successes = nil
				continue
			}
			fmt.Println(message.Offset)
		case failure, open := <-failures:
			if !open {
				failures = nil
				continue
			}
			return failure
		}
	}
	return <-read
}

func send(from io.Reader, topic string, to chan<- *sarama.ProducerMessage) error {
	lines := bufio.NewReader(from)
	for {
		line, err := lines.ReadString('\n')
		if errors.Is(err, io.EOF) && line == "" {
			return nil
		} else if err != nil {
			return err
		}
		value, err := base64.StdEncoding.DecodeString(strings.TrimSpace(line))
		if err != nil {
			return err
		}
		to <- &sarama.ProducerMessage{
			Topic:     topic,
			Partition: partition,
			Key:       sarama.StringEncoder(key),
			Value:     sarama.ByteEncoder(value),
		}
	}
}

// consume prints count records: offset, key and value in base64, and the time in milliseconds since 1970.
func consume(address, topic string, offset int64, count int) error {
	consumer, err := sarama.NewConsumer([]string{address}, settings())
	if err != nil {
		return err
	}
	defer consumer.Close()
	records, err := consumer.ConsumePartition(topic, partition, offset)
	if err != nil {
		return err
	}
	defer records.Close()
	encode := base64.StdEncoding.EncodeToString
	for range count {
		select {
		case record := <-records.Messages():
			fmt.Println(record.Offset, encode(record.Key), encode(record.Value), record.Timestamp.UnixMilli())
		case err := <-records.Errors():
			return err
		}
	}
	return nil
}

func run(arguments []string) error {
	switch {
	case len(arguments) == 3 && arguments[0] == "produce":
		return produce(arguments[1], arguments[2])
	case len(arguments) == 5 && arguments[0] == "consume":
		offset, err := strconv.ParseInt(arguments[3], 10, 64)
		if err != nil {
			return err
		}
		count, err := strconv.Atoi(arguments[4])
		if err != nil {
			return err
		}
		return consume(arguments[1], arguments[2], offset, count)
	default:
		return errors.New(usage)
	}
}

func main() {
	time.AfterFunc(patience, func() {
		fmt.Fprintln(os.Stderr, "go-kafka: not done after", patience)
		os.Exit(1)
	})
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "go-kafka:", err)
		os.Exit(1)
	}
}
