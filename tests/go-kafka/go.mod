module raddle/tests/go-kafka

go 1.24

// The versions that fabric v2.5.16 vendors: what they send and take is what a Go orderer sends and takes.
require github.com/Shopify/sarama v1.20.1

require (
	github.com/DataDog/zstd v1.5.6 // indirect
	github.com/davecgh/go-spew v1.1.1 // indirect
	github.com/eapache/go-resiliency v1.2.0 // indirect
	github.com/eapache/go-xerial-snappy v0.0.0-20180814174437-776d5712da21 // indirect
	github.com/eapache/queue v1.1.0 // indirect
	github.com/golang/snappy v0.0.4 // indirect
	github.com/pierrec/lz4 v2.6.0+incompatible // indirect
	github.com/rcrowley/go-metrics v0.0.0-20201227073835-cf1acfcdf475 // indirect
)
