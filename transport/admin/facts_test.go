package admin

import (
	"bytes"
	"context"
	"errors"
	"net/url"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/waymeet/waymeet/messages"
)

// everyFact is what a sequence gives, up to its error.
func everyFact(client *Client, request FactsRequest) (facts []messages.FactContent, err error) {
	for fact, err := range client.Facts(context.Background(), request) {
		if err != nil {
			return facts, err
		}
		facts = append(facts, fact)
	}
	return facts, nil
}

func TestFactsCrossTheSocketIntact(t *testing.T) {
	node := &fakeNode{facts: []messages.FactContent{
		{ID: messages.FactID{1}, Author: messages.AuthorityID{2}, Seq: 3, Type: messages.FactApplication, Time: 4, Epoch: 5, Size: 6, Cursor: 7, Body: []byte{0, 255, 10}},
		{ID: messages.FactID{2}, Again: messages.FactID{1}, Body: []byte{}},
	}}
	client := serveFake(t, node, false)
	request := FactsRequest{Context: "cx-abcd", Author: "ben & co", Query: messages.FactQuery{
		After: 1 << 63, From: messages.FactApplication, To: 0xffff, Follow: true,
	}}
	facts, err := everyFact(client, request)
	if diff := cmp.Diff(node.facts, facts); err != nil || diff != "" {
		t.Errorf("%v %s", err, diff)
	}
	if facts, err := everyFact(client, FactsRequest{}); err != nil || len(facts) != 2 {
		t.Errorf("without bounds: %d facts, %v", len(facts), err)
	}
	body := bytes.Repeat([]byte{'\n', 0}, messages.MaxPlaintext/2)
	appended, err := client.Append(context.Background(), AppendRequest{Context: "cx-abcd", Type: 0x4001}, body)
	if err != nil || appended != (AppendResult{messages.ContextID{7}, messages.FactID{6}}) {
		t.Errorf("append: %+v, %v", appended, err)
	}
	want := []any{request, FactsRequest{}, AppendRequest{"cx-abcd", 0x4001}, string(body)}
	if diff := cmp.Diff(want, node.asked); diff != "" {
		t.Error(diff)
	}
}

func TestProblemEndsTheFacts(t *testing.T) {
	want := messages.Problem{Code: messages.ExitFailed, What: "the journal has stopped", Whose: "the disk", Hint: "another"}
	client := serveFake(t, &fakeNode{facts: make([]messages.FactContent, 3), err: want}, false)
	if facts, err := everyFact(client, FactsRequest{}); len(facts) != 3 || err != error(want) {
		t.Errorf("%d facts, then %v", len(facts), err)
	}
	if facts, err := everyFact(client, FactsRequest{Context: "none"}); len(facts) != 0 || err != error(want) {
		t.Errorf("%d facts, then %v", len(facts), err)
	}
}

func TestFactsRequestIsRefused(t *testing.T) {
	for _, query := range []string{"after=-1", "from=65536", "to=x", "after=18446744073709551616"} {
		values, err := url.ParseQuery(query)
		if err != nil {
			t.Fatal(err)
		}
		var problem messages.Problem
		if _, err := readFactsRequest(values); !errors.As(err, &problem) || problem.Code != messages.ExitUsage {
			t.Errorf("%s: %v", query, err)
		}
	}
}

func TestFactThatIsTooLargeIsRefused(t *testing.T) {
	client := serveFake(t, &fakeNode{}, false)
	_, err := client.Append(context.Background(), AppendRequest{Type: messages.FactApplication}, make([]byte, messages.MaxPlaintext+1))
	var problem messages.Problem
	if !errors.As(err, &problem) || problem.Code != messages.ExitUsage {
		t.Errorf("got %v", err)
	}
}
