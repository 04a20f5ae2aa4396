// Command go-client has a text ordered, and waits for the block that it is in.
//
// It knows nothing of Raddle: the same program speaks to Fabric's own orderers. What it needs it takes from the file
// client.yaml that `raddle dev` writes, or from flags.
package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"time"

	"github.com/golang/protobuf/proto"
	"github.com/hyperledger/fabric-protos-go/common"
	"github.com/hyperledger/fabric-protos-go/orderer"
	"google.golang.org/grpc"
)

// After so long the orderer is taken for gone.
const patience = 30 * time.Second

func main() {
	file := flag.String("config", ".raddle/client.yaml", "`file` that says which orderer, channel and identity to use")
	flag.Parse()
	if flag.NArg() != 1 {
		fmt.Fprintln(os.Stderr, "usage: go-client [--config FILE] TEXT")
		os.Exit(2)
	}
	if err := run(*file, flag.Arg(0)); err != nil {
		fmt.Fprintln(os.Stderr, "go-client:", err)
		os.Exit(1)
	}
}

func run(file, text string) error {
	config, err := readConfig(file)
	if err != nil {
		return err
	}
	identity, err := readIdentity(config.mspID, config.mspDir)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	// `raddle dev` speaks no TLS.
	connection, err := grpc.DialContext(ctx, config.orderer, grpc.WithInsecure(), grpc.WithBlock())
	if err != nil {
		return fmt.Errorf("no orderer answers at %s: %w", config.orderer, err)
	}
	defer connection.Close()
	client := orderer.NewAtomicBroadcastClient(connection)

	// Blocks are followed before anything is sent, so that the one that it comes into is not missed.
	blocks, err := deliver(ctx, client, identity, config.channel)
	if err != nil {
		return err
	}
	newest, err := blocks.next()
	if err != nil {
		return err
	}
	fmt.Printf("newest  block %d\n", newest.GetHeader().GetNumber())
	envelope, err := identity.envelope(config.channel, common.HeaderType_MESSAGE, []byte(text))
	if err != nil {
		return err
	}
	if err := broadcast(ctx, client, envelope); err != nil {
		return err
	}
	fmt.Println("taken   SUCCESS")
	return wait(blocks, envelope)
}

// broadcast sends one envelope. When the orderer answers SUCCESS it will be in a block, whatever happens.
func broadcast(ctx context.Context, client orderer.AtomicBroadcastClient, envelope *common.Envelope) error {
	stream, err := client.Broadcast(ctx)
	if err != nil {
		return err
	}
	if err := stream.Send(envelope); err != nil {
		return err
	}
	answer, err := stream.Recv()
	if err != nil {
		return err
	}
	if answer.GetStatus() != common.Status_SUCCESS {
		return fmt.Errorf("refused: %s: %s", answer.GetStatus(), answer.GetInfo())
	}
	return stream.CloseSend()
}

// delivery is a stream of blocks.
type delivery struct {
	stream orderer.AtomicBroadcast_DeliverClient
}

// deliver asks for the newest block and all that come after it.
func deliver(
	ctx context.Context, client orderer.AtomicBroadcastClient, identity *identity, channel string,
) (*delivery, error) {
	newest := &orderer.SeekPosition{Type: &orderer.SeekPosition_Newest{Newest: &orderer.SeekNewest{}}}
	last := &orderer.SeekSpecified{Number: ^uint64(0)}
	seek, err := proto.Marshal(&orderer.SeekInfo{
		Start:    newest,
		Stop:     &orderer.SeekPosition{Type: &orderer.SeekPosition_Specified{Specified: last}},
		Behavior: orderer.SeekInfo_BLOCK_UNTIL_READY,
	})
	if err != nil {
		return nil, err
	}
	request, err := identity.envelope(channel, common.HeaderType_DELIVER_SEEK_INFO, seek)
	if err != nil {
		return nil, err
	}
	stream, err := client.Deliver(ctx)
	if err != nil {
		return nil, err
	}
	return &delivery{stream}, stream.Send(request)
}

// next waits for a block. A status in its place says that there is none for us.
func (d *delivery) next() (*common.Block, error) {
	answer, err := d.stream.Recv()
	if err != nil {
		return nil, err
	}
	if block := answer.GetBlock(); block != nil {
		return block, nil
	}
	return nil, fmt.Errorf("no block: %s", answer.GetStatus())
}

// wait reads blocks until one holds the envelope.
func wait(blocks *delivery, envelope *common.Envelope) error {
	sent, err := proto.Marshal(envelope)
	if err != nil {
		return err
	}
	for {
		block, err := blocks.next()
		if err != nil {
			return err
		}
		all := block.GetData().GetData()
		for place, found := range all {
			if !bytes.Equal(found, sent) {
				continue
			}
			text, err := data(found)
			if err != nil {
				return err
			}
			fmt.Printf("block   %d, envelope %d of %d: %s\n", block.GetHeader().GetNumber(), place+1, len(all), text)
			return nil
		}
	}
}

// data is what the sender put into a marshalled envelope.
func data(envelope []byte) ([]byte, error) {
	var outer common.Envelope
	if err := proto.Unmarshal(envelope, &outer); err != nil {
		return nil, err
	}
	var payload common.Payload
	if err := proto.Unmarshal(outer.GetPayload(), &payload); err != nil {
		return nil, err
	}
	if len(payload.GetData()) == 0 {
		return nil, errors.New("the envelope is empty")
	}
	return payload.GetData(), nil
}
