package messages_test

import (
	"bytes"
	"errors"
	"io"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"

	"github.com/waymeet/waymeet/messages"
)

func claimFrames() []messages.ClaimFrame {
	return []messages.ClaimFrame{
		messages.Claim{Key: messages.PublicKey{1}, Signature: messages.Signature{2}},
		messages.Answer{Kind: messages.AnswerWaiting, Have: 1, Need: 3},
		messages.Answer{Kind: messages.AnswerWelcome, Welcome: []byte{1, 2, 3}},
		messages.RefusedAnswer(messages.TicketUsed),
		messages.Synced{},
	}
}

func TestClaimFramesAreReadBackInOrder(t *testing.T) {
	var stream []byte
	for _, frame := range claimFrames() {
		stream = messages.AppendClaimFrame(stream, frame)
	}
	r := iotest.OneByteReader(bytes.NewReader(stream))
	for _, want := range claimFrames() {
		got, err := messages.ReadClaimFrame(r)
		if err != nil {
			t.Fatal(err)
		}
		if cmp.Diff(messages.AppendClaimFrame(nil, want), messages.AppendClaimFrame(nil, got)) != "" {
			t.Errorf("got %v, want %v", got, want)
		}
	}
	if _, err := messages.ReadClaimFrame(r); err != io.EOF {
		t.Errorf("at the end: %v, want io.EOF", err)
	}
}

func TestClaimFrameIsRefusedWhen(t *testing.T) {
	answer := func(a messages.Answer) []byte { return messages.AppendClaimFrame(nil, a) }
	tests := map[string]struct {
		frame []byte
		want  error
	}{
		"it is empty":                   {[]byte{0, 0, 0, 0}, messages.ErrEncoding},
		"it is too long":                {[]byte{0, 0x10, 0, 1, 1}, messages.ErrEncoding},
		"its kind is unknown":           {[]byte{0, 0, 0, 1, 9}, messages.ErrEncoding},
		"synced has a body":             {[]byte{0, 0, 0, 2, 3, 0}, messages.ErrEncoding},
		"the claim is no CBOR":          {[]byte{0, 0, 0, 2, 1, 0xff}, messages.ErrEncoding},
		"it breaks off in its length":   {[]byte{0, 0}, io.ErrUnexpectedEOF},
		"it breaks off in its body":     {[]byte{0, 0, 0, 9, 1}, io.ErrUnexpectedEOF},
		"the answer has no kind":        {answer(messages.Answer{}), messages.ErrEncoding},
		"a welcome is empty":            {answer(messages.Answer{Kind: messages.AnswerWelcome}), messages.ErrEncoding},
		"a refusal has no reason":       {answer(messages.Answer{Kind: messages.AnswerRefused}), messages.ErrEncoding},
		"it waits for what is there":    {answer(messages.Answer{Kind: messages.AnswerWaiting, Have: 2, Need: 2}), messages.ErrEncoding},
		"it refuses and welcomes":       {answer(messages.Answer{Kind: messages.AnswerRefused, Refusal: 1, Welcome: []byte{1}}), messages.ErrEncoding},
		"it welcomes and waits":         {answer(messages.Answer{Kind: messages.AnswerWelcome, Need: 1, Welcome: []byte{1}}), messages.ErrEncoding},
		"the kind of answer is unknown": {answer(messages.Answer{Kind: 4, Refusal: 1}), messages.ErrEncoding},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if _, err := messages.ReadClaimFrame(bytes.NewReader(test.frame)); !errors.Is(err, test.want) {
				t.Errorf("got %v, want %v", err, test.want)
			}
		})
	}
}

func TestRefusalsKeepTheirReason(t *testing.T) {
	for _, reason := range []messages.InvitationReason{messages.TicketUsed, messages.TicketExpired, messages.ClaimBad,
		messages.InviterDeclined, messages.AlreadyMember, messages.InviterBusy} {
		if got := messages.RefusalOf(reason).Reason(); got != reason {
			t.Errorf("%s became %s", reason, got)
		}
	}
	for _, unknown := range []messages.Refusal{0, 7, 255} {
		if got := unknown.Reason(); got != messages.InviterDeclined {
			t.Errorf("refusal %d is %s", unknown, got)
		}
	}
	if got := messages.RefusalOf(messages.NoAnswer).Reason(); got != messages.InviterDeclined {
		t.Errorf("a local reason became %s", got)
	}
}

func TestInvitationFailureIsAProblem(t *testing.T) {
	_, err := messages.ParseTicket("nonsense")
	var problem messages.Problem
	if !errors.As(err, &problem) || problem.Code != messages.ExitUsage || problem.Error() != err.Error() {
		t.Errorf("%v has no problem: %+v", err, problem)
	}
}

func FuzzReadClaimFrame(f *testing.F) {
	for _, frame := range claimFrames() {
		f.Add(messages.AppendClaimFrame(nil, frame))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		r := bytes.NewReader(b)
		frame, err := messages.ReadClaimFrame(r)
		if err == nil && !bytes.Equal(messages.AppendClaimFrame(nil, frame), b[:len(b)-r.Len()]) {
			t.Errorf("read and append changed %x", b)
		}
	})
}
