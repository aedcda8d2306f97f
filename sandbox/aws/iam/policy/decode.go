package policy

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
)

// member is one key of a JSON object with its value: a string, json.Number,
// bool or nil, a []any of values, or an object.
type member struct {
	key   string
	value any
}

// object is a JSON object in the order of the text. encoding/json alone would
// keep the last of repeated keys, and so drop a condition without a word.
type object []member

// decode reads exactly one JSON value.
func decode(text string) (any, error) {
	decoder := json.NewDecoder(bytes.NewReader([]byte(text)))
	decoder.UseNumber()
	value, err := decodeValue(decoder)
	if err != nil {
		return nil, err
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("there is text behind the document")
	}
	return value, nil
}

func decodeValue(decoder *json.Decoder) (any, error) {
	token, err := decoder.Token()
	if err != nil {
		return nil, err
	}
	switch token {
	case json.Delim('{'):
		return decodeObject(decoder)
	case json.Delim('['):
		list := []any{}
		for decoder.More() {
			value, err := decodeValue(decoder)
			if err != nil {
				return nil, err
			}
			list = append(list, value)
		}
		_, err := decoder.Token()
		return list, err
	}
	return token, nil
}

func decodeObject(decoder *json.Decoder) (object, error) {
	result := object{}
	seen := map[string]bool{}
	for decoder.More() {
		token, err := decoder.Token()
		if err != nil {
			return nil, err
		}
		key := token.(string) // the decoder lets nothing else be a key
		if seen[key] {
			return nil, fmt.Errorf("the key %q is written twice in one object", key)
		}
		seen[key] = true
		value, err := decodeValue(decoder)
		if err != nil {
			return nil, err
		}
		result = append(result, member{key: key, value: value})
	}
	_, err := decoder.Token()
	return result, err
}

// texts reads a string or a list of strings.
func texts(value any) ([]string, bool) {
	if text, ok := value.(string); ok {
		return []string{text}, true
	}
	list, ok := value.([]any)
	if !ok {
		return nil, false
	}
	all := make([]string, 0, len(list))
	for _, element := range list {
		text, ok := element.(string)
		if !ok {
			return nil, false
		}
		all = append(all, text)
	}
	return all, true
}

// scalars reads a string, number or boolean, or a list of them, as text:
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html
func scalars(value any) ([]string, bool) {
	list, ok := value.([]any)
	if !ok {
		list = []any{value}
	}
	all := make([]string, 0, len(list))
	for _, element := range list {
		switch element := element.(type) {
		case string:
			all = append(all, element)
		case json.Number:
			all = append(all, element.String())
		case bool:
			all = append(all, fmt.Sprint(element))
		default:
			return nil, false
		}
	}
	return all, true
}

// show prints a value as it may appear in a message.
func show(value any) string {
	switch value := value.(type) {
	case object:
		keys := make([]string, 0, len(value))
		for _, member := range value {
			keys = append(keys, member.key)
		}
		return "an object with " + strings.Join(keys, ", ")
	case []any:
		return fmt.Sprintf("a list of %d", len(value))
	case nil:
		return "null"
	case string:
		return fmt.Sprintf("%q", value)
	}
	return fmt.Sprint(value)
}
