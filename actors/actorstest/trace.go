package actorstest

import (
	"encoding/binary"
	"math/bits"
	"reflect"
	"time"

	"github.com/waymeet/waymeet/rendezvous"
	"github.com/waymeet/waymeet/rendezvous/rendezvoustest"
	"github.com/waymeet/waymeet/supervision"
)

// trace is a hash over all that the actors of a run do: every point that they
// pass, every message and effect with all that is in it. Two runs with one trace
// are one and the same.
type trace struct {
	sum   uint64
	types map[reflect.Type]uint64
}

// word takes in a number.
func (t *trace) word(x uint64) {
	high, low := bits.Mul64(t.sum^x^0x9e3779b97f4a7c15, 0xd6e8feb86659fd93)
	t.sum = high ^ low
}

func (t *trace) text(s string) {
	t.word(uint64(len(s)))
	for len(s) >= 8 {
		t.word(uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
			uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56)
		s = s[8:]
	}
	for i := range len(s) {
		t.word(uint64(s[i]))
	}
}

func (t *trace) bytes(b []byte) {
	t.word(uint64(len(b)))
	for len(b) >= 8 {
		t.word(binary.LittleEndian.Uint64(b))
		b = b[8:]
	}
	for _, c := range b {
		t.word(uint64(c))
	}
}

// point takes in where an actor is.
func (t *trace) point(node string, p supervision.Point) {
	t.text(node)
	t.text(p.Path)
	t.word(uint64(p.Incarnation)<<8 | uint64(p.Phase))
	t.text(p.Message)
}

var (
	timeType = reflect.TypeFor[time.Time]()
	viewType = reflect.TypeFor[rendezvous.View]()
)

// value takes in all that can be reached from a value. Addresses are not among
// it; entries of maps count alike in any order.
func (t *trace) value(v reflect.Value) {
	switch v.Kind() {
	case reflect.Bool:
		if v.Bool() {
			t.word(1)
		} else {
			t.word(0)
		}
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		t.word(uint64(v.Int()))
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		t.word(v.Uint())
	case reflect.String:
		t.text(v.String())
	case reflect.Slice, reflect.Array:
		t.list(v)
	case reflect.Struct:
		t.structure(v)
	case reflect.Map:
		t.entries(v)
	case reflect.Interface:
		if v.IsNil() {
			t.word(0)
			return
		}
		t.any(v.Elem())
	case reflect.Pointer:
		if v.IsNil() {
			t.word(0)
			return
		}
		t.value(v.Elem())
	}
}

// any takes in a value with its type.
func (t *trace) any(v reflect.Value) {
	if t.types == nil {
		t.types = make(map[reflect.Type]uint64)
	}
	name, known := t.types[v.Type()]
	if !known {
		var of trace
		of.text(v.Type().String())
		name = of.sum
		t.types[v.Type()] = name
	}
	t.word(name)
	if !v.CanAddr() && v.Kind() == reflect.Struct { // arrays of bytes are read at once where they have an address
		copied := reflect.New(v.Type()).Elem()
		copied.Set(v)
		v = copied
	}
	t.value(v)
}

func (t *trace) list(v reflect.Value) {
	if v.Type().Elem().Kind() == reflect.Uint8 && (v.Kind() == reflect.Slice || v.CanAddr()) {
		t.bytes(v.Bytes())
		return
	}
	t.word(uint64(v.Len()))
	for i := range v.Len() {
		t.value(v.Index(i))
	}
}

func (t *trace) structure(v reflect.Value) {
	switch v.Type() {
	case timeType:
		t.word(v.Field(0).Uint())
		t.word(uint64(v.Field(1).Int()))
		return
	case viewType: // the fingerprint stands for the facts, and they for all else
		t.value(v.FieldByName("Context"))
		t.value(v.FieldByName("Fingerprint"))
		t.value(v.FieldByName("Ledger"))
		return
	}
	for i := range v.NumField() {
		t.value(v.Field(i))
	}
}

func (t *trace) entries(v reflect.Value) {
	all := uint64(0)
	for entries := v.MapRange(); entries.Next(); {
		one := trace{types: t.types}
		one.value(entries.Key())
		one.value(entries.Value())
		all += one.sum
	}
	t.word(all)
	t.word(uint64(v.Len()))
}

// traced is a machine whose messages and effects are taken in.
type traced[M, F any] struct {
	rendezvoustest.Machine[M, F]
	trace *trace
}

// Step implements supervision.Machine.
func (m traced[M, F]) Step(now time.Time, message M) []F {
	m.trace.any(reflect.ValueOf(message))
	effects := m.Machine.Step(now, message)
	for _, effect := range effects {
		m.trace.any(reflect.ValueOf(effect))
	}
	return effects
}
