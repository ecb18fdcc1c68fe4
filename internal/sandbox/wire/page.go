package wire

import (
	"encoding/base64"
	"strconv"
)

// Page cuts one page out of items: at most limit of them from where token says,
// and the token of the next page, nil at the end. A limit of 0 or less stands
// for all. A token that was not ours is refused with code.
func Page[T any](items []T, token *string, limit int, code string) ([]T, *string, error) {
	start := 0
	if token != nil && *token != "" {
		raw, err := base64.RawURLEncoding.DecodeString(*token)
		n, err2 := strconv.Atoi(string(raw))
		if err != nil || err2 != nil || n < 0 {
			return nil, nil, Errorf(code, "The next token is not valid.")
		}
		start = min(n, len(items))
	}
	if limit <= 0 || len(items)-start <= limit {
		return items[start:], nil, nil
	}
	next := base64.RawURLEncoding.EncodeToString([]byte(strconv.Itoa(start + limit)))
	return items[start : start+limit], &next, nil
}
