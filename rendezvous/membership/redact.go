package membership

import "log/slog"

// redacted is what every secret of this package prints as.
//
// SPEC 2.4: "Secrets are … NEVER logged (their types implement
// slog.LogValuer)."
const redacted = "[secret]"

// String implements fmt.Stringer.
func (Secret) String() string { return redacted }

// GoString implements fmt.GoStringer.
func (Secret) GoString() string { return redacted }

// LogValue implements slog.LogValuer.
func (Secret) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText keeps a secret out of text encodings such as JSON.
func (Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// String implements fmt.Stringer; it names the epoch alone.
func (k Keys) String() string { return "keys of " + k.EpochID.Short() + " " + redacted }

// GoString implements fmt.GoStringer.
func (k Keys) GoString() string { return k.String() }

// LogValue implements slog.LogValuer.
func (k Keys) LogValue() slog.Value { return slog.StringValue(k.String()) }

// MarshalText keeps the keys out of text encodings such as JSON.
func (k Keys) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// String implements fmt.Stringer; it names the authority alone.
func (i Identity) String() string { return "identity of " + i.authority.Short() + " " + redacted }

// GoString implements fmt.GoStringer.
func (i Identity) GoString() string { return i.String() }

// LogValue implements slog.LogValuer.
func (i Identity) LogValue() slog.Value { return slog.StringValue(i.String()) }

// MarshalText keeps the identity's seed out of text encodings such as JSON.
func (i Identity) MarshalText() ([]byte, error) { return []byte(i.String()), nil }

// String implements fmt.Stringer; it names the epoch alone.
func (e EpochKey) String() string { return "payload key of " + e.EpochID.Short() + " " + redacted }

// GoString implements fmt.GoStringer.
func (e EpochKey) GoString() string { return e.String() }

// LogValue implements slog.LogValuer.
func (e EpochKey) LogValue() slog.Value { return slog.StringValue(e.String()) }

// MarshalText keeps the key out of text encodings such as JSON.
func (e EpochKey) MarshalText() ([]byte, error) { return []byte(e.String()), nil }
