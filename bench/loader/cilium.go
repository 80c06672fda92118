// The measurements of bench/src/ebpf by cilium/ebpf: cilium OBJECT btf|load|maps|ring. Prints JSON.
package main

import (
	"encoding/binary"
	"fmt"
	"log"
	"os"
	"sort"
	"strings"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"
	"github.com/cilium/ebpf/ringbuf"
	"golang.org/x/sys/unix"
)

const (
	keyCount = 10000
	passes   = 20
	warmUp   = 3
	records  = 400000
	fills    = 8
	loads    = 5
)

var sum uint64

// CPU time of this process, nanoseconds.
func now() float64 {
	var t unix.Timespec
	check(unix.ClockGettime(unix.CLOCK_PROCESS_CPUTIME_ID, &t))
	return float64(t.Nano())
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

func residentKib() (kib int) {
	text, err := os.ReadFile("/proc/self/status")
	check(err)
	at := strings.Index(string(text), "VmRSS:")
	_, err = fmt.Sscanf(string(text[at:]), "VmRSS: %d", &kib)
	check(err)
	return kib
}

func median(values []float64) float64 {
	sort.Float64s(values)
	return values[len(values)/2]
}

// Loads an object, with all of its programs or with those that are named.
// The ring of an object that is only loaded, as libbpf.c has it; 0 is the object's own.
const smallRing = 256 * 1024

func load(path string, ring uint32, programs ...string) *ebpf.Collection {
	spec, err := ebpf.LoadCollectionSpec(path)
	check(err)
	if ring > 0 {
		spec.Maps["records"].MaxEntries = ring
	}
	if len(programs) > 0 {
		all := spec.Programs
		spec.Programs = map[string]*ebpf.ProgramSpec{}
		for _, name := range programs {
			spec.Programs[name] = all[name]
		}
	}
	collection, err := ebpf.NewCollection(spec)
	check(err)
	return collection
}

func measureBtf() {
	before, start := residentKib(), now()
	spec, err := btf.LoadKernelSpec()
	check(err)
	var task *btf.Struct
	check(spec.TypeByName("task_struct", &task))
	fmt.Printf("{\"btfMs\":%f,\"btfKib\":%d}\n", (now()-start)/1e6, residentKib()-before)
}

func measureLoad(path string) {
	start := now()
	collection := load(path, smallRing)
	first, resident := now()-start, residentKib()
	var again []float64
	for i := 0; i < loads; i++ {
		start = now()
		next := load(path, smallRing)
		again = append(again, now()-start)
		next.Close()
	}
	collection.Close()
	fmt.Printf("{\"loadFirstMs\":%f,\"loadAgainMs\":%f,\"residentKib\":%d}\n", first/1e6, median(again)/1e6, resident)
}

func measured(pass func()) float64 {
	var times []float64
	for i := 0; i < warmUp+passes; i++ {
		start := now()
		pass()
		if i >= warmUp {
			times = append(times, now()-start)
		}
	}
	return median(times) / keyCount
}

func measureMaps(path string) {
	table := load(path, 0, "fill").Maps["table"]
	update := measured(func() {
		for key := uint32(0); key < keyCount; key++ {
			check(table.Update(key, uint64(key), ebpf.UpdateAny))
		}
	})
	lookup := measured(func() {
		var value uint64
		for key := uint32(0); key < keyCount; key++ {
			check(table.Lookup(key, &value))
			sum += value
		}
	})
	keys := measured(func() {
		var key uint32
		for err := table.NextKey(nil, &key); err == nil; err = table.NextKey(key, &key) {
			sum += uint64(key)
		}
	})
	entries := measured(func() {
		var key uint32
		var value uint64
		all := table.Iterate()
		for all.Next(&key, &value) {
			sum += uint64(key) + value
		}
		check(all.Err())
	})
	fmt.Printf("{\"updateNs\":%f,\"lookupNs\":%f,\"keysNs\":%f,\"entriesNs\":%f}\n", update, lookup, keys, entries)
}

func measureRing(path string) {
	collection := load(path, 0, "fill")
	reader, err := ringbuf.NewReader(collection.Maps["records"])
	check(err)
	packet := make([]byte, 64)
	var record ringbuf.Record
	var times []float64
	for i := 0; i < fills; i++ {
		_, _, err := collection.Programs["fill"].Benchmark(packet, records, nil)
		check(err)
		start := now()
		for n := 0; n < records; n++ {
			check(reader.ReadInto(&record))
			sum += binary.LittleEndian.Uint64(record.RawSample[8:]) + uint64(binary.LittleEndian.Uint32(record.RawSample[16:]))
		}
		times = append(times, now()-start)
	}
	fmt.Printf("{\"objectNs\":%f}\n", median(times)/records)
}

func main() {
	path, what := os.Args[1], os.Args[2]
	switch what {
	case "btf":
		measureBtf()
	case "load":
		measureLoad(path)
	case "maps":
		measureMaps(path)
	case "ring":
		measureRing(path)
	default:
		os.Exit(2)
	}
}
