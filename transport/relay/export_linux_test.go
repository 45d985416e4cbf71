package relay

// SegmentControl lets the benchmark send as the mux does.
var SegmentControl = segmentControl
