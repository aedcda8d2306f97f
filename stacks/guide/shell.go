package guide

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"

	"waybill.example/waybill/stacks/record"
)

// render gives the words that tell a command an input's value.
type render func(s *shell, value resource.PropertyValue) []string

// input is one of a resource's inputs as a command has it.
type input struct {
	key string
	as  render
}

// call is a command: its words, and the inputs that follow them.
type call struct {
	words  string
	inputs []input
	// only is the input without which the command is not needed; empty: always needed.
	only string
}

// shell renders one resource's commands.
type shell struct {
	*writer
	r record.Registration
	// files are the documents that the commands read.
	files []file
}

// file is a document that a command reads.
type file struct{ name, text string }

// commands are the commands of calls, each after the documents that it reads.
func (w *writer) commands(r record.Registration, calls ...call) []string {
	var lines []string
	for _, c := range calls {
		if c.only != "" && r.Value(c.only).IsNull() || c.words == "" {
			continue
		}
		s := &shell{writer: w, r: r}
		words := []string{c.words}
		for _, in := range c.inputs {
			if value := r.Value(in.key); !value.IsNull() || in.key == "" {
				words = append(words, in.as(s, value)...)
			}
		}
		words = append(words, w.where(r.Provider)...)
		for _, f := range s.files {
			lines = append(lines, w.heredoc(f.name, f.text))
		}
		lines = append(lines, broken(words))
	}
	return lines
}

// broken is a command in lines of at most about 110 characters.
func broken(words []string) string {
	var text strings.Builder
	length := 0
	for i := 0; i < len(words); i++ {
		word := words[i]
		if i+1 < len(words) && strings.HasPrefix(word, "--") && !strings.HasPrefix(words[i+1], "--") {
			i++
			word += " " + words[i]
		}
		if length+len(word) > 110 && length > 0 {
			text.WriteString(" \\\n ")
			length = 1
		}
		if length > 0 {
			text.WriteString(" ")
		}
		text.WriteString(word)
		length += 1 + len(word)
	}
	return text.String()
}

var plain = regexp.MustCompile(`^[A-Za-z0-9_@%+=:,./-]+$`)

// word is a text as one word of the shell's, with variables for what a cloud tells.
func (w *writer) word(text string) string {
	switch {
	case w.marked(text):
		return `"` + w.filled(escape(text, "\\\"$`")) + `"`
	case plain.MatchString(text):
		return text
	}
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}

// heredoc writes a document to a file.
func (w *writer) heredoc(name, text string) string {
	end := "'EOF'"
	if w.marked(text) {
		end, text = "EOF", w.filled(escape(text, "\\$`"))
	}
	return fmt.Sprintf("cat > %s <<%s\n%s\nEOF", w.word(name), end, strings.TrimSuffix(text, "\n"))
}

func escape(text, special string) string {
	var escaped strings.Builder
	for _, c := range text {
		if strings.ContainsRune(special, c) {
			escaped.WriteByte('\\')
		}
		escaped.WriteRune(c)
	}
	return escaped.String()
}

// indented is a JSON text for people.
func indented(text string) string {
	var out bytes.Buffer
	if err := json.Indent(&out, []byte(text), "", "  "); err != nil {
		return text
	}
	return out.String()
}

// scalar is a text, a number or a truth as text.
func scalar(value resource.PropertyValue) string {
	switch {
	case value.IsNumber():
		return strconv.FormatFloat(value.NumberValue(), 'f', -1, 64)
	case value.IsString():
		return value.StringValue()
	}
	return fmt.Sprint(value.V)
}

// scalars are the items of a list as texts.
func scalars(value resource.PropertyValue) []string {
	var all []string
	for _, item := range value.ArrayValue() {
		all = append(all, scalar(item))
	}
	return all
}

// only is the one object of a list that holds at most one, or an object itself.
func only(value resource.PropertyValue) resource.PropertyMap {
	if value.IsArray() && len(value.ArrayValue()) == 1 {
		value = value.ArrayValue()[0]
	}
	if !value.IsObject() {
		return nil
	}
	return value.ObjectValue()
}

// flag is --name VALUE, joined --name=VALUE.
func flag(name string) render {
	return func(s *shell, v resource.PropertyValue) []string { return []string{name, s.word(scalar(v))} }
}

func joined(name string) render {
	return func(s *shell, v resource.PropertyValue) []string { return []string{name + "=" + s.word(scalar(v))} }
}

// mapped is joined with a value in the words of the command line.
func mapped(name string, words map[string]string) render {
	return func(s *shell, v resource.PropertyValue) []string {
		return []string{name + "=" + s.word(cmp.Or(words[scalar(v)], scalar(v)))}
	}
}

// argument is a value without a flag.
func argument(s *shell, v resource.PropertyValue) []string { return []string{s.word(scalar(v))} }

// tail is the last part of a path.
func tail(as render) render {
	return func(s *shell, v resource.PropertyValue) []string {
		text := scalar(v)
		return as(s, resource.NewProperty(text[strings.LastIndex(text, "/")+1:]))
	}
}

// fixed are words that follow from no input.
func fixed(words ...string) input {
	return input{"", func(*shell, resource.PropertyValue) []string { return words }}
}

// computed is an output that follows from the inputs.
func computed(output string, as render) input {
	return input{"", func(s *shell, _ resource.PropertyValue) []string {
		state, _ := s.cloud.Answer(s.r)
		return as(s, state[resource.PropertyKey(output)])
	}}
}

// told is an output that the cloud chooses.
func told(output string, as render) input {
	return input{"", func(s *shell, _ resource.PropertyValue) []string {
		return as(s, resource.NewProperty(s.markOf(s.r.Name, output)))
	}}
}

// when is a flag that stands for a truth.
func when(name string) render {
	return func(_ *shell, v resource.PropertyValue) []string {
		if v.IsBool() && v.BoolValue() {
			return []string{name}
		}
		return nil
	}
}

// listed is a flag with the items of a list, each a word.
func listed(name string) render {
	return func(s *shell, v resource.PropertyValue) []string {
		words := []string{name}
		for _, item := range scalars(v) {
			words = append(words, s.word(item))
		}
		return []string{strings.Join(words, " ")}
	}
}

// dictionary is gcloud's --name=KEY=VALUE,… of a map or a list, with another delimiter
// where a value holds a comma (`gcloud topic escaping`).
func dictionary(name string) render {
	return func(s *shell, v resource.PropertyValue) []string {
		items := pairs(v, "%s=%s")
		text := strings.Join(items, ",")
		if strings.Count(text, ",") != len(items)-1 {
			text = "^;^" + strings.Join(items, ";")
		}
		return []string{name + "=" + s.word(text)}
	}
}

// pairs are the pairs of a map in a form, by key, or the items of a list.
func pairs(v resource.PropertyValue, form string) []string {
	if v.IsArray() {
		return scalars(v)
	}
	var all []string
	for _, key := range v.ObjectValue().StableKeys() {
		all = append(all, fmt.Sprintf(form, key, scalar(v.ObjectValue()[key])))
	}
	return all
}

// tags are a map's pairs as words of a form.
func tags(name, form string) render {
	return func(s *shell, v resource.PropertyValue) []string {
		words := []string{name}
		for _, pair := range pairs(shorthand(v), form) {
			words = append(words, s.word(pair))
		}
		return []string{strings.Join(words, " ")}
	}
}

// commas is a map in one word, as some of the AWS CLI's commands take it.
func commas(name string) render {
	return func(s *shell, v resource.PropertyValue) []string {
		return []string{name, s.word(strings.Join(pairs(shorthand(v), "%s=%s"), ","))}
	}
}

// shorthand quotes the values that the AWS CLI's shorthand syntax would split
// (https://docs.aws.amazon.com/cli/latest/userguide/cli-usage-shorthand.html).
func shorthand(v resource.PropertyValue) resource.PropertyValue {
	quoted := resource.PropertyMap{}
	for key, value := range v.ObjectValue() {
		text := scalar(value)
		if strings.ContainsAny(text, " ,=[]{}\"'") {
			text = strconv.Quote(text)
		}
		quoted[key] = resource.NewProperty(text)
	}
	return resource.NewProperty(quoted)
}

// document is a flag with a file that holds JSON, made of the value.
func document(name, prefix, as string, made func(resource.PropertyValue) any) render {
	return func(s *shell, v resource.PropertyValue) []string {
		text := scalar(v)
		if made != nil {
			encoded, err := json.Marshal(made(v))
			if err != nil {
				panic(err) // maps, lists and texts
			}
			text = string(encoded)
		}
		path := s.r.Name + "." + as + ".json"
		s.files = append(s.files, file{path, indented(text)})
		return []string{name + prefix + s.word(path)}
	}
}

// keys are the inputs of some of their names.
func keys(of []input, names ...string) []input {
	var all []input
	for _, in := range of {
		if slices.Contains(names, in.key) {
			all = append(all, in)
		}
	}
	return all
}
