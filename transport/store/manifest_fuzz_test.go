package store

import (
	"reflect"
	"testing"
)

// A manifest is what is written again, or it says what is wrong with it.
func FuzzParseManifest(f *testing.F) {
	for _, text := range []string{"", "waymeet node au-a\n", "waymeet relay rk-b\nnode.db\n\njournal/cx-c.db\n\n", "waymeet other x\n", "waymeet node \r\n\r\n"} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		m, err := parseManifest(text)
		if err != nil {
			return
		}
		if again, err := parseManifest(m.append(nil)); err != nil || !reflect.DeepEqual(again, m) {
			t.Fatalf("%+v becomes %+v, %v", m, again, err)
		}
	})
}
