package messages_test

import (
	"bytes"
	"errors"
	"testing"

	"pgregory.net/rapid"

	"github.com/waymeet/waymeet/messages"
)

// SPEC 1.7: "decode, re-encode, require equality …. Floats, tags, duplicate
// keys, trailing bytes: refused."
func TestDecodeRefusesEveryOtherForm(t *testing.T) {
	canonical := []byte{0xa2, 0x01, 0x05, 0x02, 0x18, 0x20}
	window, err := messages.Decode[messages.Window](canonical)
	if err != nil || window != (messages.Window{From: 5, Until: 32}) {
		t.Fatalf("the canonical form: %v, %v", window, err)
	}
	for name, b := range map[string][]byte{
		"nothing":            {},
		"cut short":          canonical[:4],
		"trailing byte":      append(bytes.Clone(canonical), 0),
		"key order":          {0xa2, 0x02, 0x18, 0x20, 0x01, 0x05},
		"long integer":       {0xa2, 0x01, 0x18, 0x05, 0x02, 0x18, 0x20},
		"duplicate key":      {0xa3, 0x01, 0x05, 0x01, 0x05, 0x02, 0x18, 0x20},
		"unknown key":        {0xa3, 0x01, 0x05, 0x02, 0x18, 0x20, 0x03, 0x00},
		"missing key":        {0xa1, 0x01, 0x05},
		"float":              {0xa2, 0x01, 0xf9, 0x45, 0x00, 0x02, 0x18, 0x20},
		"tag":                {0xc1, 0xa2, 0x01, 0x05, 0x02, 0x18, 0x20},
		"tagged value":       {0xa2, 0x01, 0xc2, 0x41, 0x05, 0x02, 0x18, 0x20},
		"indefinite map":     {0xbf, 0x01, 0x05, 0x02, 0x18, 0x20, 0xff},
		"negative":           {0xa2, 0x01, 0x24, 0x02, 0x18, 0x20},
		"null":               {0xa2, 0x01, 0xf6, 0x02, 0x18, 0x20},
		"text key":           {0xa2, 0x61, 0x31, 0x05, 0x02, 0x18, 0x20},
		"another type":       {0x80},
		"array of bytes":     {0x82, 0x05, 0x18, 0x20},
		"undefined for zero": {0xa2, 0x01, 0xf7, 0x02, 0x18, 0x20},
	} {
		if _, err := messages.Decode[messages.Window](b); !errors.Is(err, messages.ErrEncoding) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestDecodeRefusesAnotherLengthOfAnID(t *testing.T) {
	revoked := messages.DescriptorRevoked{Authority: messages.AuthorityID{1}, Nonce: messages.Nonce{2}}
	b := messages.Encode(revoked)
	short := bytes.Clone(b)
	short[3] = 0x1f
	for name, b := range map[string][]byte{"one less": append(short[:3], append([]byte{31}, b[4:35]...)...), "nested": bytes.Repeat([]byte{0x81}, 20)} {
		if _, err := messages.Decode[messages.DescriptorRevoked](b); err == nil {
			t.Errorf("%s was read", name)
		}
	}
}

func TestEncodeIsIdentityUnderDecode(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		channel := messages.ChannelEstablished{
			Initiator: messages.AuthorityID(rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "initiator")),
			Epoch:     messages.Epoch(rapid.Uint64().Draw(t, "epoch")),
		}
		back, err := messages.Decode[messages.ChannelEstablished](messages.Encode(channel))
		if err != nil || back != channel {
			t.Fatalf("%v, %v", back, err)
		}
	})
}

func FuzzDecodeDescriptor(f *testing.F) {
	f.Add(messages.Encode(messages.RendezvousDescriptor{}))
	f.Add(messages.Encode(messages.RendezvousDescriptor{
		Endpoints: []messages.LinkEndpoint{{Protocol: messages.LinkQUIC, Address: "192.0.2.1:7"}},
		Services:  []messages.ServiceDescriptor{{Kind: messages.ServiceHold}}, NicknameSuggestion: "ana",
	}))
	f.Fuzz(func(t *testing.T, b []byte) {
		if d, err := messages.Decode[messages.RendezvousDescriptor](b); err == nil && !bytes.Equal(messages.Encode(d), b) {
			t.Errorf("decode and encode changed %x", b)
		}
	})
}

func FuzzParseHello(f *testing.F) {
	f.Add(messages.Hello{Kind: messages.HelloInit, Suite: messages.SuiteAESGCM, Noise: []byte("noise")}.Append(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		if hello, err := messages.ParseHello(b); err == nil && !bytes.Equal(hello.Append(nil), b) {
			t.Errorf("parse and append changed %x", b)
		}
	})
}
