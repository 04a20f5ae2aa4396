// Books: accounts with amounts, and payments between them. It runs as a service to which peers connect.
package main

import (
	"fmt"
	"log"
	"os"
	"strconv"

	"github.com/hyperledger/fabric-chaincode-go/shim"
	"github.com/hyperledger/fabric-protos-go/peer"
)

type books struct{}

func (books) Init(shim.ChaincodeStubInterface) peer.Response {
	return shim.Success(nil)
}

func (books) Invoke(stub shim.ChaincodeStubInterface) peer.Response {
	function, arguments := stub.GetFunctionAndParameters()
	switch {
	case function == "open" && len(arguments) == 2:
		return answer(open(stub, arguments[0], arguments[1]))
	case function == "pay" && len(arguments) == 3:
		return answer(pay(stub, arguments[0], arguments[1], arguments[2]))
	case function == "show" && len(arguments) == 1:
		amount, err := read(stub, arguments[0])
		if err != nil {
			return shim.Error(err.Error())
		}
		return shim.Success([]byte(strconv.FormatUint(amount, 10)))
	}
	return shim.Error("there are: open ACCOUNT AMOUNT, pay FROM TO AMOUNT, show ACCOUNT")
}

func answer(err error) peer.Response {
	if err != nil {
		return shim.Error(err.Error())
	}
	return shim.Success(nil)
}

func open(stub shim.ChaincodeStubInterface, account, text string) error {
	amount, err := strconv.ParseUint(text, 10, 63)
	if err != nil {
		return err
	}
	return write(stub, account, amount)
}

func pay(stub shim.ChaincodeStubInterface, from, to, text string) error {
	amount, err := strconv.ParseUint(text, 10, 63)
	if err != nil {
		return err
	}
	if from == to {
		return fmt.Errorf("%s cannot pay itself", from)
	}
	giver, err := read(stub, from)
	if err != nil {
		return err
	}
	taker, err := read(stub, to)
	if err != nil {
		return err
	}
	if giver < amount {
		return fmt.Errorf("%s has %d, and cannot pay %d", from, giver, amount)
	}
	if err := write(stub, from, giver-amount); err != nil {
		return err
	}
	return write(stub, to, taker+amount)
}

func read(stub shim.ChaincodeStubInterface, account string) (uint64, error) {
	text, err := stub.GetState(account)
	if err != nil {
		return 0, err
	}
	if text == nil {
		return 0, fmt.Errorf("there is no account %s", account)
	}
	return strconv.ParseUint(string(text), 10, 63)
}

func write(stub shim.ChaincodeStubInterface, account string, amount uint64) error {
	return stub.PutState(account, []byte(strconv.FormatUint(amount, 10)))
}

func main() {
	server := &shim.ChaincodeServer{
		CCID:     os.Getenv("CHAINCODE_ID"),
		Address:  os.Getenv("CHAINCODE_SERVER_ADDRESS"),
		CC:       books{},
		TLSProps: shim.TLSProperties{Disabled: true},
	}
	log.Fatal(server.Start())
}
