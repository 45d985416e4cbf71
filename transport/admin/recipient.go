package admin

import (
	"fmt"
	"slices"
	"strings"

	"github.com/waymeet/waymeet/messages"
)

// minPrefix is how many characters of an id must be given
// (docs/wire.md: "Labels and text forms").
const minPrefix = 4

// match is something that a text may have meant.
type match struct {
	id       string
	nickname string
}

// ResolvePeer says which peer a person meant by to: an id, a unique prefix of
// at least 4 characters (of the whole text or of what follows "au-"), or a
// unique nickname, in whichever context it has it. A whole id always means itself, whatever nicknames others
// chose. Anything else is a usage Problem that lists what it may have meant.
func ResolvePeer(to string, peers []messages.PeerStatus) (messages.AuthorityID, error) {
	known := make([]match, 0, len(peers))
	byText := make(map[string]messages.AuthorityID, len(peers))
	for _, p := range peers {
		m := match{id: p.Peer.String(), nickname: p.Nickname}
		byText[m.id] = p.Peer
		if !slices.Contains(known, m) {
			known = append(known, m)
		}
	}
	text, err := resolve("peer", to, known)
	return byText[text], err
}

// ResolveContext says which context a person meant, by the rules of
// ResolvePeer. An empty text is refused with a list of all.
func ResolveContext(text string, contexts []messages.ContextStatus) (messages.ContextID, error) {
	known := make([]match, 0, len(contexts))
	byText := make(map[string]messages.ContextID, len(contexts))
	for _, c := range contexts {
		byText[c.Context.String()] = c.Context
		known = append(known, match{id: c.Context.String()})
	}
	switch {
	case len(known) == 0:
		return messages.ContextID{}, messages.Problem{
			Code: messages.ExitUsage, What: "there is no context", Whose: "this node has founded none, and joined none",
			Hint: "waymeet invite, which founds one, or waymeet join",
		}
	case text == "":
		return messages.ContextID{}, messages.Problem{
			Code: messages.ExitUsage, What: "which context?", Whose: "there is " + list(known), Hint: "--context with one of these",
		}
	}
	found, err := resolve("context", text, known)
	return byText[found], err
}

func resolve(noun, text string, known []match) (string, error) {
	var hits []match
	for _, m := range known {
		switch {
		case m.id == text:
			return m.id, nil
		case text != "" && m.nickname == text, len(text) >= minPrefix && isPrefix(text, m.id):
			if !slices.ContainsFunc(hits, func(hit match) bool { return hit.id == m.id }) {
				hits = append(hits, m)
			}
		}
	}
	if len(hits) == 1 {
		return hits[0].id, nil
	}
	return "", unresolved(noun, text, hits, known)
}

func isPrefix(text, id string) bool {
	_, body, _ := strings.Cut(id, "-")
	return strings.HasPrefix(id, text) || strings.HasPrefix(body, text)
}

func unresolved(noun, text string, hits, known []match) error {
	problem := messages.Problem{Code: messages.ExitUsage, What: fmt.Sprintf("no %s is named %s", noun, messages.Printable(fmt.Sprintf("%q", text)))}
	switch {
	case len(hits) > 1:
		problem.What = fmt.Sprintf("%s names more than one %s", messages.Printable(fmt.Sprintf("%q", text)), noun)
		problem.Whose = "it may mean " + list(hits)
		problem.Hint = "more characters of one of them"
	case len(known) == 0:
		problem.Whose = fmt.Sprintf("there is no %s", noun)
		problem.Hint = "waymeet invite, to have one join"
	case len(text) < minPrefix:
		problem.Whose = fmt.Sprintf("a prefix has at least %d characters", minPrefix)
		problem.Hint = list(known)
	default:
		problem.Whose = "there is " + list(known)
		problem.Hint = "one of these"
	}
	return problem
}

// maxListed bounds how many matches one line names.
const maxListed = 8

func list(matches []match) string {
	var names []string
	for _, m := range matches[:min(len(matches), maxListed)] {
		name := m.id
		if m.nickname != "" {
			name += " (" + messages.Printable(m.nickname) + ")"
		}
		names = append(names, name)
	}
	if more := len(matches) - len(names); more > 0 {
		names = append(names, fmt.Sprintf("%d more", more))
	}
	return strings.Join(names, ", ")
}
