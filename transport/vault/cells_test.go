package vault

import "testing"

func TestCellsFenceOlderIncarnations(t *testing.T) {
	var cells Cells[string, int]
	if _, ok := cells.Load("budget"); ok {
		t.Fatal("an empty cell has a value")
	}
	if !cells.Save("budget", 2, 5) {
		t.Fatal("the first save was refused")
	}
	if cells.Save("budget", 1, 0) {
		t.Error("an older incarnation wrote over a newer one")
	}
	if v, _ := cells.Load("budget"); v != 5 {
		t.Errorf("value = %d, want 5: a dead incarnation changed it", v)
	}
	if !cells.Save("budget", 2, 6) || !cells.Save("budget", 3, 7) {
		t.Error("the owner or its successor was refused")
	}
	if all := cells.All(); len(all) != 1 || all["budget"] != 7 {
		t.Errorf("all = %v, want budget 7", all)
	}
	cells.Delete("budget")
	if !cells.Save("budget", 1, 1) {
		t.Error("a deleted cell still fences")
	}
}
