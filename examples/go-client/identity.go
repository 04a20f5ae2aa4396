package main

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"strings"

	"github.com/golang/protobuf/proto"
	"github.com/golang/protobuf/ptypes"
	"github.com/hyperledger/fabric-protos-go/common"
	"github.com/hyperledger/fabric-protos-go/msp"
)

// config is what client.yaml says.
type config struct {
	orderer, channel, mspID, mspDir string
}

// readConfig takes the lines `key: "value"` of the file; there is nothing else of interest in it.
func readConfig(path string) (*config, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("%w; `raddle dev` writes it", err)
	}
	defer file.Close()
	values := map[string]string{}
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		key, quoted, found := strings.Cut(lines.Text(), ": ")
		var value string
		if found && json.Unmarshal([]byte(quoted), &value) == nil {
			values[key] = value
		}
	}
	for _, key := range []string{"orderer", "channel", "msp-id", "msp-dir"} {
		if values[key] == "" {
			return nil, fmt.Errorf("%s does not say what %s is", path, key)
		}
	}
	folder := filepath.Join(filepath.Dir(path), values["msp-dir"])
	if filepath.IsAbs(values["msp-dir"]) {
		folder = values["msp-dir"]
	}
	return &config{values["orderer"], values["channel"], values["msp-id"], folder}, lines.Err()
}

// identity signs as a member of an organisation.
type identity struct {
	creator []byte
	key     *ecdsa.PrivateKey
}

// readIdentity reads a folder as Fabric's tools make it, with signcerts and keystore.
func readIdentity(mspID, folder string) (*identity, error) {
	certificate, err := readOnly(filepath.Join(folder, "signcerts"))
	if err != nil {
		return nil, err
	}
	text, err := readOnly(filepath.Join(folder, "keystore"))
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, fmt.Errorf("the key in %s is no PEM", folder)
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, err
	}
	key, isECDSA := parsed.(*ecdsa.PrivateKey)
	if !isECDSA {
		return nil, fmt.Errorf("the key in %s is none of ECDSA", folder)
	}
	creator, err := proto.Marshal(&msp.SerializedIdentity{Mspid: mspID, IdBytes: certificate})
	return &identity{creator, key}, err
}

// readOnly reads the one file of a folder.
func readOnly(folder string) ([]byte, error) {
	files, err := os.ReadDir(folder)
	if err != nil {
		return nil, err
	}
	if len(files) != 1 {
		return nil, fmt.Errorf("there are %d files in %s, and one is expected", len(files), folder)
	}
	return os.ReadFile(filepath.Join(folder, files[0].Name()))
}

// envelope is signed data for a channel.
func (i *identity) envelope(channel string, kind common.HeaderType, data []byte) (*common.Envelope, error) {
	nonce := make([]byte, 24)
	if _, err := rand.Read(nonce); err != nil {
		return nil, err
	}
	id := sha256.Sum256(append(append([]byte{}, nonce...), i.creator...))
	channelHeader, err := proto.Marshal(&common.ChannelHeader{
		Type:      int32(kind),
		Timestamp: ptypes.TimestampNow(),
		ChannelId: channel,
		TxId:      hex.EncodeToString(id[:]),
	})
	if err != nil {
		return nil, err
	}
	signatureHeader, err := proto.Marshal(&common.SignatureHeader{Creator: i.creator, Nonce: nonce})
	if err != nil {
		return nil, err
	}
	header := &common.Header{ChannelHeader: channelHeader, SignatureHeader: signatureHeader}
	payload, err := proto.Marshal(&common.Payload{Header: header, Data: data})
	if err != nil {
		return nil, err
	}
	signature, err := i.sign(payload)
	return &common.Envelope{Payload: payload, Signature: signature}, err
}

// sign signs as Fabric wants it: of the two values of S that are right, the lower one.
func (i *identity) sign(message []byte) ([]byte, error) {
	digest := sha256.Sum256(message)
	r, s, err := ecdsa.Sign(rand.Reader, i.key, digest[:])
	if err != nil {
		return nil, err
	}
	order := i.key.Params().N
	if s.Cmp(new(big.Int).Rsh(order, 1)) > 0 {
		s.Sub(order, s)
	}
	return asn1.Marshal(struct{ R, S *big.Int }{r, s})
}
