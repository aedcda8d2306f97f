package alerts_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

// documented are the metrics of CronJobs and secrets with their labels, those of annotations left out:
// https://github.com/kubernetes/kube-state-metrics/blob/main/docs/metrics/workload/cronjob-metrics.md
// https://github.com/kubernetes/kube-state-metrics/blob/main/docs/metrics/storage/secret-metrics.md
var documented = map[string][]string{
	"kube_cronjob_created":                     {"namespace", "cronjob"},
	"kube_cronjob_info":                        {"namespace", "cronjob", "schedule", "concurrency_policy", "timezone"},
	"kube_cronjob_next_schedule_time":          {"namespace", "cronjob"},
	"kube_cronjob_spec_suspend":                {"namespace", "cronjob"},
	"kube_cronjob_status_active":               {"namespace", "cronjob"},
	"kube_cronjob_status_last_schedule_time":   {"namespace", "cronjob"},
	"kube_cronjob_status_last_successful_time": {"namespace", "cronjob"},
	annotationsMetric:                          {"namespace", "secret"},
	"kube_secret_created":                      {"namespace", "secret"},
	"kube_secret_info":                         {"namespace", "secret"},
	"kube_secret_type":                         {"namespace", "secret", "type"},
}

const (
	annotationsMetric = "kube_secret_annotations"
	annotationPrefix  = "annotation_"
)

// kinds are those of the objects that a label names.
var kinds = map[string]string{
	"cronjob":   "kubernetes:batch/v1:CronJob",
	"namespace": "kubernetes:core/v1:Namespace",
	"secret":    "kubernetes:core/v1:Secret",
}

func read(t *testing.T, path ...string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(append([]string{"..", ".."}, path...)...))
	require.NoError(t, err)
	return string(text)
}

// world is what the rules speak of: what is deployed, written and documented.
type world struct {
	names       map[string][]string // of the objects of all stacks, by kind
	annotations []string            // that the refresher writes
	headings    []string            // of docs/runbooks.md, as links name them
}

func newWorld(t *testing.T) world {
	t.Helper()
	w := world{names: map[string][]string{}}
	goldens, err := filepath.Glob(filepath.Join("..", "..", "tests", "testdata", "*.golden"))
	require.NoError(t, err)
	for _, golden := range goldens {
		kind := ""
		for line := range strings.Lines(read(t, "tests", "testdata", filepath.Base(golden))) {
			if !strings.HasPrefix(line, " ") {
				kind, _, _ = strings.Cut(line, " ")
			} else if name, found := strings.CutPrefix(line, "  metadata.name = "); found {
				w.names[kind] = append(w.names[kind], strings.TrimSpace(name))
			}
		}
	}
	code := read(t, "refresher", "internal", "pullsecret", "pullsecret.go")
	for _, match := range regexp.MustCompile(`(?m)^\tAnnotation\w+ += "([^"]+)"`).FindAllStringSubmatch(code, -1) {
		w.annotations = append(w.annotations, match[1])
	}
	for _, match := range regexp.MustCompile(`(?m)^#+ (.+)$`).FindAllStringSubmatch(read(t, "docs", "runbooks.md"), -1) {
		words := regexp.MustCompile(`[^a-z0-9 -]`).ReplaceAllString(strings.ToLower(match[1]), "")
		w.headings = append(w.headings, strings.ReplaceAll(words, " ", "-"))
	}
	for _, kind := range kinds {
		require.NotEmpty(t, w.names[kind], kind)
	}
	require.NotEmpty(t, w.annotations)
	require.NotEmpty(t, w.headings)
	return w
}

// annotationLabel is an annotation's name as a label:
// https://github.com/kubernetes/kube-state-metrics/blob/main/internal/store/utils.go
func annotationLabel(name string) string {
	return annotationPrefix + regexp.MustCompile(`[^a-zA-Z0-9_]`).ReplaceAllString(strings.ToLower(name), "_")
}

// rules is a file of rules under check, and what is wrong with it.
type rules struct {
	world
	allowed  []string // labels of annotations that the file's head has kube-state-metrics export
	used     []string // those that an expression names
	problems []string
}

func (r *rules) add(format string, args ...any) {
	r.problems = append(r.problems, fmt.Sprintf(format, args...))
}

// within refuses names that are none of the labels.
func (r *rules) within(names, labels []string) {
	for _, name := range names {
		if !slices.Contains(labels, name) {
			r.add("label %s: want one of %q", name, labels)
		}
	}
}

// check reads a PrometheusRule as the Prometheus Operator and Prometheus do.
func (w world) check(text string) []string {
	r := &rules{world: w}
	allowlist := regexp.MustCompile(`(?m)^# +--metric-annotations-allowlist=secrets=\[(.*)\]$`).FindStringSubmatch(text)
	if allowlist == nil {
		return []string{"no --metric-annotations-allowlist"}
	}
	for name := range strings.SplitSeq(allowlist[1], ",") {
		r.within([]string{name}, w.annotations)
		r.allowed = append(r.allowed, annotationLabel(name))
	}
	var object struct {
		APIVersion string `yaml:"apiVersion"`
		Kind       string `yaml:"kind"`
		Metadata   struct {
			Name string `yaml:"name"`
		} `yaml:"metadata"`
		Spec yaml.Node `yaml:"spec"`
	}
	decoder := yaml.NewDecoder(strings.NewReader(text))
	decoder.KnownFields(true)
	if err := decoder.Decode(&object); err != nil {
		return append(r.problems, err.Error())
	}
	if err := decoder.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		r.add("want one document")
	}
	if object.APIVersion != "monitoring.coreos.com/v1" || object.Kind != "PrometheusRule" || object.Metadata.Name == "" {
		r.add("want a PrometheusRule of monitoring.coreos.com/v1 with a name")
	}
	var spec bytes.Buffer
	if err := yaml.NewEncoder(&spec).Encode(&object.Spec); err != nil {
		return append(r.problems, err.Error())
	}
	promql := parser.NewParser(parser.Options{})
	groups, errs := rulefmt.Parse(spec.Bytes(), false, model.LegacyValidation, promql, slog.New(slog.DiscardHandler))
	for _, err := range errs {
		r.add("%s", err)
	}
	if len(errs) > 0 {
		return r.problems
	}
	for _, group := range groups.Groups {
		for _, rule := range group.Rules {
			expr, err := promql.ParseExpr(rule.Expr)
			if err != nil {
				r.add("%s: %s", rule.Alert, err)
				continue
			}
			r.checkRule(rule, r.labels(expr))
		}
	}
	for _, label := range r.allowed {
		if !slices.Contains(r.used, label) {
			r.add("label %s: exported, and no expression names it", label)
		}
	}
	return r.problems
}

func (r *rules) checkRule(rule rulefmt.Rule, result []string) {
	if rule.Alert == "" {
		r.add("record %s: want an alert", rule.Record)
	}
	if severity := rule.Labels["severity"]; severity != "warning" && severity != "critical" {
		r.add("%s: severity %q: want warning or critical", rule.Alert, severity)
	}
	if rule.Annotations["summary"] == "" {
		r.add("%s: want a summary", rule.Alert)
	}
	heading, found := strings.CutPrefix(rule.Annotations["runbook_url"], "docs/runbooks.md#")
	if !found || !slices.Contains(r.headings, heading) {
		r.add("%s: runbook_url %q: want a heading of docs/runbooks.md", rule.Alert, rule.Annotations["runbook_url"])
	}
	for _, text := range rule.Annotations {
		for _, match := range regexp.MustCompile(`\$labels\.(\w+)`).FindAllStringSubmatch(text, -1) {
			r.within(match[1:], result)
		}
	}
	// An annotation holds the time of the last run: with each the series is another, and so is the alert.
	if rule.For > 0 && slices.ContainsFunc(result, func(label string) bool { return strings.HasPrefix(label, annotationPrefix) }) {
		r.add("%s: for %s: want no annotation among the alert's labels, its value changes", rule.Alert, rule.For)
	}
}

// labels are those of an expression's result. It knows what the rules are made of.
func (r *rules) labels(expr parser.Expr) []string {
	switch e := expr.(type) {
	case *parser.ParenExpr:
		return r.labels(e.Expr)
	case *parser.NumberLiteral:
		return nil
	case *parser.Call:
		if e.Func.Name == "time" {
			return nil
		}
	case *parser.VectorSelector:
		names, known := documented[e.Name]
		if !known {
			r.add("metric %s: want one that kube-state-metrics documents", e.Name)
		}
		if e.Name == annotationsMetric {
			names = slices.Concat(names, r.allowed)
		}
		for _, matcher := range e.LabelMatchers {
			if matcher.Name != model.MetricNameLabel {
				r.within([]string{matcher.Name}, names)
				r.checkMatcher(matcher)
			}
		}
		return names
	case *parser.AggregateExpr:
		inner := r.labels(e.Expr)
		if e.Without {
			break
		}
		r.within(e.Grouping, inner)
		return e.Grouping
	case *parser.BinaryExpr:
		left, right := r.labels(e.LHS), r.labels(e.RHS)
		switch {
		case e.LHS.Type() != parser.ValueTypeVector:
			return right
		case e.RHS.Type() != parser.ValueTypeVector:
			return left
		case e.Op == parser.LUNLESS || e.Op == parser.LAND:
			r.within(e.VectorMatching.MatchingLabels, left)
			r.within(e.VectorMatching.MatchingLabels, right)
			return left
		}
	}
	r.add("%s: this test does not know its labels", expr)
	return nil
}

// checkMatcher wants a matcher of names to select every object of its kind that any
// stack deploys, and one of an annotation to ask only whether it is there.
func (r *rules) checkMatcher(matcher *labels.Matcher) {
	if strings.HasPrefix(matcher.Name, annotationPrefix) {
		r.used = append(r.used, matcher.Name)
		if matcher.Type != labels.MatchNotEqual || matcher.Value != "" {
			r.add(`%s: want !=""`, matcher)
		}
		return
	}
	kind, known := kinds[matcher.Name]
	if !known {
		r.add("%s: want a matcher of a name or an annotation", matcher)
	}
	for _, name := range r.names[kind] {
		if !matcher.Matches(name) {
			r.add("%s: does not select %s", matcher, name)
		}
	}
}

func TestPrometheusTakesTheAlerts(t *testing.T) {
	assert.Empty(t, newWorld(t).check(read(t, "docs", "alerts", "prometheusrule.yaml")))
}

func TestWrongAlertsAreRefused(t *testing.T) {
	world, text := newWorld(t), read(t, "docs", "alerts", "prometheusrule.yaml")
	for name, c := range map[string]struct{ from, to, want string }{
		"a field that is none":            {"          for: 5m", "          fore: 5m", "field fore not found"},
		"a field of the object":           {"\nspec:\n", "\nstatus: {}\nspec:\n", "field status not found"},
		"another kind":                    {"kind: PrometheusRule", "kind: PrometheusRules", "want a PrometheusRule"},
		"a second document":               {"", "kind: PrometheusRule\n---\n", "want one document"},
		"no PromQL":                       {"time() - ", "time( - ", "could not parse expression"},
		"no template":                     {"{{ $labels.namespace }}", "{{ $labels.namespace }", "unexpected"},
		"a variable that templates lack":  {"{{ $labels.namespace }}", "{{ $label.namespace }}", "undefined variable"},
		"a duration that is none":         {"for: 5m", "for: 5 minutes", "in duration"},
		"a metric":                        {"kube_cronjob_created{", "kube_cronjob_creation{", "metric kube_cronjob_creation"},
		"a matcher's label":               {`{cronjob=~".+-refresh"}`, `{job_name=~".+-refresh"}`, "label job_name"},
		"a matching label":                {"on (namespace, cronjob)", "on (namespace, secret)", "label secret"},
		"a grouping label":                {"by (namespace, secret)", "by (namespace, cronjob)", "label cronjob"},
		"a template's label":              {"that {{ $labels.namespace }}", "that {{ $labels.pod }}", "label pod"},
		"a CronJob's name":                {".+-refresh", ".+-refresher", "does not select ar-pull-secret-refresh"},
		"an annotation's label":           {"example_missing!=", "example_absent!=", "label annotation_waybill_example_absent"},
		"an annotation's value":           {`example_missing!=""`, `example_missing="x"`, `want !=""`},
		"an annotation that nobody wrote": {"[waybill.example/missing", "[waybill.example/absent", "label waybill.example/absent"},
		"an annotation for nothing":       {"secrets=[", "secrets=[waybill.example/expires,", "no expression names it"},
		"an alert that changes":           {"count by (namespace, secret) (kube_secret_annotations", "(kube_secret_annotations", "its value changes"},
		"no severity":                     {"severity: critical", "team: critical", `severity ""`},
		"no summary":                      {"summary: The last", "summary_: The last", "want a summary"},
		"a runbook":                       {"#a-tag-is-missing", "#a-tag-is-there", "want a heading of docs/runbooks.md"},
	} {
		t.Run(name, func(t *testing.T) {
			require.Contains(t, text, c.from)
			assert.Contains(t, strings.Join(world.check(strings.Replace(text, c.from, c.to, 1)), "\n"), c.want)
		})
	}
}
