package store

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"testing"
)

// A manifest is what is written again, or it is damage and says where.
func FuzzReadManifest(f *testing.F) {
	for _, text := range []string{"", "waymeet node au-a\n", "waymeet relay rk-b\nnode.db\n\njournal/cx-c.db\n\n", "waymeet other x\n", "waymeet node \r\n\r\n"} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		state := t.TempDir()
		if err := os.WriteFile(filepath.Join(state, ManifestFile), text, fileMode); err != nil {
			t.Fatal(err)
		}
		m, err := readManifest(state)
		if err != nil {
			var damage *Damage
			if !errors.As(err, &damage) || damage.What == "" {
				t.Fatalf("%v", err)
			}
			return
		}
		if err := m.write(state); err != nil {
			t.Fatal(err)
		}
		if again, err := readManifest(state); err != nil || !reflect.DeepEqual(again, m) {
			t.Fatalf("%+v becomes %+v, %v", m, again, err)
		}
	})
}
