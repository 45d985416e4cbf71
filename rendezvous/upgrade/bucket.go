package upgrade

import "time"

// Limits of a Bucket (SPEC 10.3).
const (
	bucketBurst  = 4
	bucketPeriod = 15 * time.Second
)

// Bucket bounds how often a cycle may start.
//
// SPEC 10.3: "Every cycle, the first too, takes a token from a bucket (4
// burst, one per 15 s)".
type Bucket struct {
	Tokens uint8
	// Refilled is when the last token came, or when the bucket was last full.
	Refilled time.Time
}

func fullBucket(now time.Time) Bucket { return Bucket{Tokens: bucketBurst, Refilled: now} }

// take takes a token if there is one at now.
func (b *Bucket) take(now time.Time) bool {
	b.refill(now)
	if b.Tokens == 0 {
		return false
	}
	b.Tokens--
	return true
}

// next is when an empty bucket has a token again.
func (b *Bucket) next() time.Time { return b.Refilled.Add(bucketPeriod) }

func (b *Bucket) refill(now time.Time) {
	periods := now.Sub(b.Refilled) / bucketPeriod
	if periods <= 0 && b.Tokens < bucketBurst {
		return
	}
	if int64(b.Tokens)+int64(periods) >= bucketBurst {
		*b = fullBucket(now)
		return
	}
	b.Tokens += uint8(periods)
	b.Refilled = b.Refilled.Add(periods * bucketPeriod)
}
