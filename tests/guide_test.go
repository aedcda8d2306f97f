package tests_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"waybill.example/waybill/stacks"
	"waybill.example/waybill/stacks/exchange"
	"waybill.example/waybill/stacks/guide"
	"waybill.example/waybill/stacks/record"
	"waybill.example/waybill/tests/stackfile"
)

// printed is a guide as it is read.
type printed struct {
	stack *record.Stack
	text  string
}

// guideOf is the guide of a stack file in a form, with what is known of the stack's outputs.
func guideOf(t *testing.T, path, outputs string, form guide.Form) printed {
	t.Helper()
	recorded, err := record.Of(path, stacks.In, record.Options{Marked: true, Outputs: outputsOf(t, outputs)})
	require.NoError(t, err, path)
	var text bytes.Buffer
	require.NoError(t, guide.Print(&text, recorded, form), path)
	return printed{recorded, text.String()}
}

// guides are the guides of every stack file in a form, by name, and those of every party
// before and after the other one's document came: as a file, or with the outputs.
func guides(t *testing.T, form guide.Form) map[string]printed {
	t.Helper()
	if all, found := printedIn[form]; found {
		return all
	}
	all := map[string]printed{}
	for _, name := range stackfile.Names(t, "..") {
		all[name] = guideOf(t, stackfile.Path(t, "..", name), "{}", form)
	}
	for name, p := range parties {
		referring := p.file(t, map[string]any{"stack": "organization/waybill/theirs"})
		all[name+", waiting"] = guideOf(t, referring, "{}", form)
		all[name+", waiting for a file"] = guideOf(t, p.file(t, nil), "{}", form)
		all[name+", answered"] = guideOf(t, referring, fmt.Sprintf("{%q: %s}", p.output, p.document), form)
		all[name+", answered with a file"] = guideOf(t, p.file(t, map[string]any{"file": theirs}), "{}", form)
	}
	printedIn[form] = all
	return all
}

// printedIn are the guides that a test has printed before.
var printedIn = map[guide.Form]map[string]printed{}

// theirs is a path of the other party's document.
const theirs = "documents/theirs.json"

// file is the stack file of a party, in a project of its own, with the source of the
// other party's document. A source that is a file is there.
func (p party) file(t *testing.T, source map[string]any) string {
	t.Helper()
	var exchanged any
	if source != nil {
		exchanged = map[string]any{p.key: source}
	}
	values, _ := loadStack(t, p.example, append(slices.Clone(p.edits), set("exchange", exchanged))...)
	path := inProject(t, p.example, "config:\n  waybill:customer: "+values["waybill:customer"]+"\n")
	if source["file"] != nil {
		at := filepath.Join(filepath.Dir(path), theirs)
		require.NoError(t, os.Mkdir(filepath.Dir(at), 0o700))
		require.NoError(t, os.WriteFile(at, []byte(p.document), 0o600))
	}
	return path
}

var (
	fences = regexp.MustCompile("(?s)```([a-z]+)\n(.*?)\n```")
	// unknowns are words and marks that stand for what nobody knows.
	unknowns = regexp.MustCompile(`(?i)unknown|pending|placeholder|todo|0000-4000-8000|9090909|YOUR_|<[a-z_-]+>`)
)

// fenced are a text's fenced blocks of a language.
func fenced(text, language string) []string {
	var all []string
	for _, found := range fences.FindAllStringSubmatch(text, -1) {
		if found[1] == language {
			all = append(all, found[2])
		}
	}
	return all
}

// Every stack file has its guide, in both forms, without a placeholder.
func TestEveryStackHasItsGuide(t *testing.T) {
	for _, form := range guide.Forms {
		for name, g := range guides(t, form) {
			assert.NotRegexp(t, unknowns, g.text, "%s for %s", name, form)
			commands := 0
			for _, block := range fenced(g.text, "sh") {
				commands += len(commandLine.FindAllString(block, -1))
			}
			t.Logf("%-26s %-9s %2d steps, %3d commands, %2d blocks of Terraform", name, form,
				strings.Count(g.text, "\n### "), commands, len(fenced(g.text, "hcl")))
		}
	}
}

// commandLine begins a command, and no line that goes on with one or is a document's.
var commandLine = regexp.MustCompile(`(?m)^(?:[A-Z_0-9]+=\$\()?(?:az|aws|gcloud|kubectl|waybill|docker|jq|terraform|test|cat|printf|until) `)

// Guides of each kind, whole: of one operator, and of parties that wait or do not. A
// change here is a change of what people do by hand.
func TestExampleGuidesAreTheirGoldens(t *testing.T) {
	all := guides(t, guide.Terminal)
	for golden, name := range map[string]string{
		"dev": "dev", "initech": "initech", "soylent-customer": "an AKS customer, answered with a file",
		"oscorp-vendor": "the vendor of an EKS customer, answered with a file", "stark-waiting": "an ECS customer, waiting",
	} {
		path := filepath.Join("testdata", golden+".guide.md")
		if *update {
			require.NoError(t, os.WriteFile(path, []byte(all[name].text), 0o644))
		}
		want, err := os.ReadFile(path)
		require.NoError(t, err)
		assert.Equal(t, string(want), all[name].text)
	}
}

// A heading has something below it.
func TestAGuideHasNoEmptyStep(t *testing.T) {
	empty := regexp.MustCompile(`(?m)^(### .*\n\s*(#.*)?|## .*\n\s*(## .*)?)\z|^(### .*)\n\s*#|^(## .*)\n\s*## `)
	for _, form := range guide.Forms {
		for name, g := range guides(t, form) {
			assert.Empty(t, empty.FindString(g.text), "%s for %s", name, form)
		}
	}
}

// A guide that waits ends with how it is printed again, and its last commands need nothing
// but the document. What was made is made alike in the new guide, where it is skipped.
func TestAGuideThatWaitsEndsWithHowItGoesOn(t *testing.T) {
	steps := func(g printed) []string {
		text, _, _ := strings.Cut(g.text, "\n## Off-boarding")
		return strings.Split(text, "\n### ")[1:]
	}
	for party, p := range parties {
		for waiting, answered := range map[string]string{", waiting": ", answered", ", waiting for a file": ", answered with a file"} {
			g := guides(t, guide.Terminal)[party+waiting]
			before, after := steps(g), guides(t, guide.Terminal)[party+answered].text
			for _, block := range fenced(g.text, "sh") {
				if strings.Contains(block, " create") {
					assert.Contains(t, after, block, party)
				}
			}
			last := before[len(before)-1]
			assert.Contains(t, last, "Follow it from the top", party)
			command := "waybill guide " + g.stack.Name
			if waiting == ", waiting" {
				command += " --outputs outputs.json"
				assert.Regexp(t, `(?s)printf .*"\$\(cat `+g.stack.Customer.Slug+`\.`+p.output+`\.json\)".* > outputs.json\n`+command, last, party)
			} else {
				assert.Contains(t, last, "Save it as `"+g.stack.Customer.Slug+"."+p.output+".json`, and name that file in\n`Pulumi."+
					g.stack.Name+".yaml` as `exchange."+p.key+".file`", party)
			}
			assert.Contains(t, last, command, party)
			assert.Equal(t, 1, strings.Count(g.text, "waybill "+"guide"), party)
			assert.NotContains(t, g.text, "waybill manifests", "%s: refused while a document is missing", party)
			if g.stack.Customer.Side == "customer" {
				assert.NotContains(t, g.text, " apply ", party)
				assert.NotContains(t, g.text, "delete configmap", party)
			}
		}
	}
}

// A document is where the configuration says, in every sentence and command. What clouds
// have told is told to `waybill` however the guide was printed.
func TestAGuideNamesTheConfiguredFile(t *testing.T) {
	for _, form := range guide.Forms {
		for party, p := range parties {
			g := guides(t, form)[party+", answered with a file"]
			assert.Contains(t, g.text, "keep it as `"+theirs+"`", party)
			assert.NotContains(t, g.text, g.stack.Customer.Slug+"."+p.output+".json", party)
		}
	}
	aks := parties["an AKS customer"].file(t, map[string]any{"file": theirs})
	for _, outputs := range []string{"{}", `{"accessRequest": ` + soylentRequest + `}`} {
		text := guideOf(t, aks, outputs, guide.Terminal).text
		assert.Contains(t, text, `printf '{"accessRequest": %s}\n' "$(cat soylent.accessRequest.json)" > outputs.json`)
		assert.Contains(t, text, "waybill manifests soylent-customer --outputs outputs.json | kubectl")
	}
	told := filepath.Join(t.TempDir(), "outputs.json")
	require.NoError(t, os.WriteFile(told, []byte(`{"accessRequest": `+soylentRequest+`}`), 0o600))
	status, _, stderr := waybill(t, filepath.Dir(aks), "manifests", "soylent-customer", "--outputs", told)
	assert.Zero(t, status, stderr)
}

// The vendor pushes each image to where it can be pushed, before it sends the grant.
func TestTheVendorsGuidePushesEachImage(t *testing.T) {
	push := func(text string) string {
		_, text, found := strings.Cut(text, "Push the release\n")
		require.True(t, found)
		text, _, found = strings.Cut(text, "The access grant\n")
		require.True(t, found)
		return text
	}
	const ecr, release = "210987654321.dkr.ecr.us-east-1.amazonaws.com", `:"${RELEASE:?want the tag}"`
	all := guides(t, guide.Terminal)
	for name, want := range map[string][]string{
		"stark":     {"docker login --username AWS --password-stdin " + ecr, "docker push " + ecr + "/stark/bifrost:1.4.2"},
		"cyberdyne": {"gcloud auth configure-docker --quiet us-docker.pkg.dev", "docker push us-docker.pkg.dev/deepintshield-releases/releases/deepintshield/server:2026.10"},
		"tyrell":    {"/bifrost-images/tyrell--bifrost/bifrost:1.4.2\n", "/bifrost-images/tyrell--bifrost/bifrost:1.5.0\n"},
		"the vendor of an AKS customer, answered":             {"docker push europe-west1-docker.pkg.dev/bifrost-images/soylent--bifrost/bifrost" + release},
		"the vendor of an EKS customer, answered with a file": {"docker push " + ecr + "/oscorp/bifrost" + release},
	} {
		for _, want := range want {
			assert.Contains(t, push(all[name].text), want, name)
		}
	}
	digest := "sha256:" + strings.Repeat("0a", 32)
	values, _ := loadStack(t, "wayne", nothingRuns, set("product.tag", nil), set("refresher.images", []any{
		map[string]any{"image": "web", "tag": "1.4.2"}, map[string]any{"image": "charts/shop", "digest": digest},
	}))
	text := push(guideOf(t, inProject(t, "wayne", "config:\n  waybill:customer: "+values["waybill:customer"]+"\n"), "{}", guide.Terminal).text)
	assert.Regexp(t, `docker push \S+/web:1\.4\.2\n`, text)
	assert.Regexp(t, "need any tag: `\\S+/charts/shop` with the digest `"+digest+"`", text)
}

// What a guide says of tokens once the access has ended is what the page of the two
// parties says.
func TestAGuideSaysOfTokensWhatThePageSays(t *testing.T) {
	page := strings.Join(strings.Fields(read(t, filepath.Join("..", "docs", "parties.md"))), " ")
	said := map[string]bool{}
	for _, form := range guide.Forms {
		for name, g := range guides(t, form) {
			for _, found := range regexp.MustCompile(`(?s)End the access first\. (.*?)\n\n`).FindAllStringSubmatch(g.text, -1) {
				statement := strings.ReplaceAll(found[1], "\n", " ")
				assert.Contains(t, page, statement, name)
				said[statement] = true
			}
			assert.Equal(t, strings.Count(g.text, "A token that was issued before"), strings.Count(g.text, "End the access first."), name)
		}
	}
	assert.Len(t, said, 2, "one statement for each registry")
}

// Objects that were applied before the customer added a label are found too.
func TestAGuideSelectsByWaybillsLabelsAlone(t *testing.T) {
	plain := guides(t, guide.Terminal)["dev"]
	values, _ := loadStack(t, "dev", set("labels", map[string]any{"team": "images"}))
	labelled := guideOf(t, inProject(t, "dev", "config:\n  waybill:customer: "+values["waybill:customer"]+"\n"), "{}", guide.Terminal).text
	selectors := regexp.MustCompile(`--selector \S+`)
	assert.Equal(t, selectors.FindAllString(plain.text, -1), selectors.FindAllString(labelled, -1))
	assert.NotContains(t, labelled, "team=")
}

// ran is what a half's commands were called with, and the files that they left.
type ran struct {
	calls [][]string
	files map[string]string
}

// follow runs the commands of a half as a person would, in one shell in which no
// variable may be used before it is set. The clouds' command lines answer with the
// stack's marks, so that what they are given is what the program registers.
func follow(t *testing.T, g printed, party, half, account string) ran {
	t.Helper()
	folder, bin := t.TempDir(), t.TempDir()
	script := strings.Join(fenced(half, "sh"), "\n")
	var answers strings.Builder
	answer := func(value string, needles ...string) {
		fmt.Fprintf(&answers, "*'%s'*) printf %%s '%s'; exit;;\n", strings.Join(needles, "'*'"), value)
	}
	answer(account, "aws sts get-caller-identity")
	answer("Complete", "kubectl", ".status.conditions")
	answer("arn:aws:ecs:task/1", "aws ecs list-tasks", "--query")
	value, err := json.Marshal(g.stack.Outputs[exchange.RequestName])
	require.NoError(t, err)
	var request any
	require.NoError(t, json.Unmarshal(value, &request))
	eachText(request, "", func(path, text string) {
		answer(text, "jq --raw-output "+path+" "+g.stack.Customer.Slug+".accessRequest.json")
	})
	for _, mark := range g.stack.Marks {
		name := mark.Args["resourceName"]
		if mark.Resource != "" {
			name = g.stack.Named(mark.Resource).Inputs["resourceName"]
		}
		switch mark.Path {
		case "clientId", "principalId":
			answer(mark.Text, "az identity show", "--name "+name.StringValue()+" ", "--query "+mark.Path)
		case "oidcIssuerProfile.issuerURL":
			answer(mark.Text, "az aks show", "--name "+name.StringValue()+" ", "--query oidcIssuerProfile.issuerUrl")
		case "identities[0].oidcs[0].issuer":
			answer(mark.Text, "aws eks describe-cluster --name "+mark.Args["name"].StringValue()+" ")
		case "number":
			answer(mark.Text, "gcloud projects describe "+mark.Args["projectId"].StringValue())
		case "arn":
			answer(mark.Text, "aws ecs describe-task-definition", "--query")
		case "associationId":
			answer(mark.Text, "aws eks list-pod-identity-associations", "--query")
		}
	}
	// The two sides of a pipe run at once: a call is appended to the log in one write.
	stub := "#!/bin/sh\ncall=" + folder + "/.call.$$\n" +
		"{ printf '%s\\0' \"${0##*/}\" \"$@\"; printf '\\n\\0'; } > $call; cat $call >> " + folder + "/.calls\n" +
		"case \"$0 $*\" in *' - '*|*' -') cat > " + os.DevNull + ";; esac\ncase \"${0##*/} $*\" in\n" + answers.String() + "esac\n"
	for _, name := range []string{"az", "aws", "gcloud", "kubectl", "waybill", "docker", "jq", "terraform"} {
		require.NoError(t, os.WriteFile(filepath.Join(bin, name), []byte(stub), 0o755))
	}
	theirs := filepath.Join(folder, exchange.FileOf(g.stack.Customer, map[string]string{"customer": exchange.GrantName, "vendor": exchange.RequestName}[party]))
	require.NoError(t, os.MkdirAll(filepath.Dir(theirs), 0o700))
	require.NoError(t, os.WriteFile(theirs, []byte("{}"), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(folder, ".script"), []byte(script), 0o600))
	shell := exec.Command("sh", "-eu", ".script")
	shell.Dir, shell.Env = folder, []string{"PATH=" + bin + ":/usr/bin:/bin", "RELEASE=1.4.2"}
	output, err := shell.CombinedOutput()
	require.NoError(t, err, "%s", output)
	assert.NotContains(t, string(output), "No such file")

	made := ran{files: map[string]string{}}
	log, err := os.ReadFile(filepath.Join(folder, ".calls"))
	require.NoError(t, err)
	for _, line := range strings.Split(strings.TrimSuffix(string(log), "\x00\n\x00"), "\x00\n\x00") {
		made.calls = append(made.calls, strings.Split(line, "\x00"))
	}
	entries, err := os.ReadDir(folder)
	require.NoError(t, err)
	for _, entry := range entries {
		if strings.HasSuffix(entry.Name(), ".json") {
			text, err := os.ReadFile(filepath.Join(folder, entry.Name()))
			require.NoError(t, err)
			made.files[entry.Name()] = string(text)
		}
	}
	return made
}

// eachText visits the texts of a document by their paths in jq's form.
func eachText(value any, path string, visit func(path, text string)) {
	switch value := value.(type) {
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(value)) {
			eachText(value[key], path+"."+key, visit)
		}
	case []any:
		for i, item := range value {
			eachText(item, fmt.Sprintf("%s[%d]", path, i), visit)
		}
	case string:
		visit(path, value)
	}
}

// halvesOf are the halves of a guide by party, with their off-boarding, and the account
// that each acts in.
func halvesOf(g printed) map[string][2]string {
	halves := map[string][2]string{}
	for _, section := range strings.Split(g.text, "\n## ")[1:] {
		party, account := "customer", g.stack.Customer.AWS.Customer.Account
		if title, _, _ := strings.Cut(section, "\n"); strings.Contains(title, "vendor") {
			party, account = "vendor", g.stack.Customer.AWS.Vendor.Account
		}
		halves[party] = [2]string{halves[party][0] + "\n" + section, account}
	}
	return halves
}

// A guide that is followed to the end, by a shell that refuses what is not set, gives
// the clouds what the program registers: every input is a flag's value or in a document,
// and every policy is the registered one.
func TestAFollowedGuideSaysWhatTheProgramRegisters(t *testing.T) {
	flags := flagTable(t)
	for name, g := range guides(t, guide.Terminal) {
		t.Run(name, func(t *testing.T) {
			var calls []string
			files := map[string]string{}
			for party, half := range halvesOf(g) {
				made := follow(t, g, party, half[0], half[1])
				for _, call := range made.calls {
					flags.check(t, call)
					calls = append(calls, strings.Join(call, " "))
				}
				for file, text := range made.files {
					if text != "{}" {
						files[file] = text
					}
				}
			}
			for document, side := range map[string]string{exchange.RequestName: "customer", exchange.GrantName: "vendor"} {
				if told := g.stack.Outputs[document]; told != nil && (g.stack.Customer.Side == "both" || g.stack.Customer.Side == side) {
					want, err := json.Marshal(told)
					require.NoError(t, err)
					assert.JSONEq(t, string(want), files[g.stack.Customer.Slug+"."+document+".json"])
				}
			}
			said := strings.Join(append(calls, slices.Collect(maps.Values(files))...), "\n")
			for _, r := range inClouds(g.stack) {
				eachInput(r, func(path string, value resource.PropertyValue) {
					text := fmt.Sprint(value.V)
					switch {
					case value.IsBool():
						if value.BoolValue() {
							assert.Contains(t, said, truths[path], "%s %s", r.Name, path)
						}
					case strings.HasPrefix(text, "{") || strings.HasPrefix(text, "["):
						assert.Condition(t, func() bool {
							for file, found := range files {
								if strings.HasPrefix(file, r.Name+".") && same(text, found) {
									return true
								}
							}
							return false
						}, "%s %s: no file of %v holds %s", r.Name, path, slices.Sorted(maps.Keys(files)), text)
					case path == "serviceAccountId": // gcloud wants the last part
						assert.Contains(t, said, text[strings.LastIndex(text, "/")+1:])
					default:
						assert.Contains(t, folded(said), folded(text), "%s %s", r.Name, path)
					}
				})
			}
			for _, r := range g.stack.Registrations {
				kind := r.Kind()
				if !r.Custom() || !strings.HasPrefix(r.Type, "kubernetes:") || strings.HasSuffix(kind, "Patch") || len(g.stack.Waiting) > 0 {
					continue
				}
				context := "kubectl --context " + providerOf(g.stack, r.Provider).Text("context")
				switch object := r.Text("metadata.name"); kind {
				case "CronJob":
					assert.Contains(t, said, context+" --namespace "+r.Text("metadata.namespace")+" create job explain --from=cronjob/"+object)
				case "Deployment":
					assert.Contains(t, said, context+" --namespace "+r.Text("metadata.namespace")+" rollout status deployment "+object)
				case "Secret":
					if r.Text("type") == "kubernetes.io/dockerconfigjson" {
						assert.Contains(t, said, context+" --namespace "+r.Text("metadata.namespace")+" get secret "+object)
					}
				case "Job":
					for key, value := range r.Value("metadata.labels").ObjectValue() {
						if !strings.HasPrefix(string(key), "app.kubernetes.io/") { // the customer's own
							assert.NotContains(t, said, string(key)+"=")
							continue
						}
						assert.Regexp(t, regexp.QuoteMeta(context)+` --namespace `+r.Text("metadata.namespace")+` get job .*`+
							regexp.QuoteMeta(string(key)+"="+value.StringValue()), said)
					}
				}
				name := orNamed(r.Text("metadata.name"))
				if r.Text("metadata.namespace") == "batch" { // of weyland's pullSecretAlsoIn
					name = orNamed("batch/" + r.Text("metadata.name"))
				}
				assert.Contains(t, g.text, "| "+kind+" | "+name+" |")
			}
		})
	}
}

// truths are what says in a command that an input is true.
var truths = map[string]string{
	"dockerConfig.immutableTags": "--immutable-tags", "imageScanningConfiguration.scanOnPush": "scanOnPush=true",
	"deploymentCircuitBreaker.enable": "enable=true", "deploymentCircuitBreaker.rollback": "rollback=true",
	"enableEcsManagedTags": "--enable-ecs-managed-tags", "networkConfiguration.assignPublicIp": "assignPublicIp=ENABLED",
	"waitForSteadyState": "aws ecs wait services-stable",
}

func orNamed(name string) string {
	if name == "" {
		return "named after its contents"
	}
	return "`" + name + "`"
}

func same(a, b string) bool {
	var left, right any
	return json.Unmarshal([]byte(a), &left) == nil && json.Unmarshal([]byte(b), &right) == nil && assert.ObjectsAreEqual(left, right)
}

// folded is a text as the command lines write constants: DOCKER and docker,
// STANDARD_REPOSITORY and standard-repository.
func folded(text string) string { return strings.ReplaceAll(strings.ToLower(text), "_", "-") }

// inClouds are a stack's resources in clouds.
func inClouds(s *record.Stack) []record.Registration {
	return slices.DeleteFunc(slices.Clone(s.Registrations), func(r record.Registration) bool {
		return !r.Custom() || strings.HasPrefix(r.Type, "kubernetes:") || strings.HasPrefix(r.Type, "pulumi:")
	})
}

func providerOf(s *record.Stack, name string) record.Registration {
	for _, r := range s.Registrations {
		if r.Name == name && strings.HasPrefix(r.Type, "pulumi:providers:") {
			return r
		}
	}
	return record.Registration{}
}

// eachInput visits the texts, numbers and truths of a registration's inputs by their
// paths, without the places in lists.
func eachInput(r record.Registration, visit func(path string, value resource.PropertyValue)) {
	var walk func(path string, value resource.PropertyValue)
	walk = func(path string, value resource.PropertyValue) {
		switch {
		case value.IsObject():
			for _, key := range value.ObjectValue().StableKeys() {
				walk(strings.TrimPrefix(path+"."+string(key), "."), value.ObjectValue()[key])
			}
		case value.IsArray():
			for _, item := range value.ArrayValue() {
				walk(path, item)
			}
		default:
			visit(path, value)
		}
	}
	walk("", record.Plain(resource.NewProperty(r.Inputs)))
}

// flagsOf are the flags that commands have, from testdata/flags.tsv: a command, its
// flags, and the page that documents them. Those of the program alone are every command's.
type flagsOf map[string][]string

func flagTable(t *testing.T) flagsOf {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", "flags.tsv"))
	require.NoError(t, err)
	table := flagsOf{}
	for _, line := range strings.Split(strings.TrimSpace(string(text)), "\n") {
		columns := strings.Split(line, "\t")
		require.Len(t, columns, 3, line)
		require.Regexp(t, `^https://`, columns[2])
		table[columns[0]] = strings.Fields(columns[1])
	}
	return table
}

// check refuses a command that is not documented, and a flag that it does not have.
func (table flagsOf) check(t *testing.T, call []string) {
	t.Helper()
	if !slices.Contains([]string{"az", "aws", "gcloud"}, call[0]) {
		return
	}
	command := ""
	for i := 1; i < len(call); i++ {
		if _, found := table[strings.Join(call[:i+1], " ")]; found && !strings.HasPrefix(call[i], "--") {
			command = strings.Join(call[:i+1], " ")
		}
	}
	if !assert.NotEmpty(t, command, "%v is in no row of testdata/flags.tsv", call) {
		return
	}
	for _, word := range call {
		if flag, _, _ := strings.Cut(word, "="); strings.HasPrefix(flag, "--") {
			assert.True(t, slices.Contains(table[command], flag) || slices.Contains(table[call[0]], flag), "%s has no %s", command, flag)
		}
	}
}

// What Terraform is given is what the program registers: every input is in the
// resource's block, and every policy is the registered one.
func TestTerraformIsGivenWhatTheProgramRegisters(t *testing.T) {
	reference := regexp.MustCompile(`\$\{[^{}]*\}`)
	for name, g := range guides(t, guide.Terraform) {
		hcl := strings.Join(fenced(g.text, "hcl"), "\n\n") + "\n\n"
		for _, r := range inClouds(g.stack) {
			block := regexp.MustCompile(`(?s)resource "[a-z_]+" "` + regexp.MustCompile(`[^A-Za-z0-9_]+`).ReplaceAllString(r.Name, "_") + `" \{\n.*?\n\}\n\n`).FindString(hcl)
			require.NotEmpty(t, block, "%s has no %s", name, r.Name)
			block = reference.ReplaceAllString(block, "…")
			unmarked := func(text string) string {
				for mark, is := range g.stack.Marks {
					text = strings.ReplaceAll(strings.ReplaceAll(text, is.Text, "…"), mark, "…")
				}
				return text
			}
			eachInput(r, func(path string, value resource.PropertyValue) {
				text := unmarked(fmt.Sprint(value.V))
				switch {
				case value.IsString() && (strings.HasPrefix(text, "{") || strings.HasPrefix(text, "[")):
					documents := regexp.MustCompile(`(?s)<<JSON\n(.*?)\nJSON\n`).FindAllStringSubmatch(block, -1)
					assert.True(t, slices.ContainsFunc(documents, func(d []string) bool { return same(text, d[1]) }), "%s: %s %s", name, r.Name, path)
				case path == "resourceName" && strings.HasSuffix(r.Type, "FederatedIdentityCredential"):
					assert.Regexp(t, `parent_id = (azurerm_user_assigned_identity\.[a-z0-9_-]+\.id|"/subscriptions/.*/`+text+`")`, block)
				case value.IsString():
					assert.Contains(t, block, `"`+text+`"`, "%s: %s %s", name, r.Name, path)
				default:
					assert.Contains(t, block, "= "+text+"\n", "%s: %s %s", name, r.Name, path)
				}
			})
		}
	}
}

// What has no rendering is named, and nothing is printed.
func TestAGuideThatCannotBeWholeIsRefused(t *testing.T) {
	s := recordOf(t, "dev", record.Options{Marked: true})
	for i, r := range s.Registrations {
		switch r.Name {
		case "gcp-pool":
			s.Registrations[i].Inputs = maps.Clone(r.Inputs)
			s.Registrations[i].Inputs["disabled"] = resource.NewProperty(true)
		case "gcp-account":
			s.Registrations[i].Type = "gcp:serviceaccount/key:Key"
		}
	}
	var out bytes.Buffer
	err := guide.Print(&out, s, guide.Terminal)
	require.ErrorContains(t, err, "gcp-pool: its input disabled has no rendering")
	require.ErrorContains(t, err, "gcp:serviceaccount/key:Key gcp-account: has no rendering")
	assert.Empty(t, out.String())
}

// The guide's exit codes are the refresher's.
func TestAGuideKnowsTheRefreshersExitCodes(t *testing.T) {
	page, err := os.ReadFile(filepath.Join("..", "refresher", "README.md"))
	require.NoError(t, err)
	codes := func(text, row string) []string {
		var all []string
		for _, found := range regexp.MustCompile(row).FindAllStringSubmatch(text, -1) {
			all = append(all, found[1]+" "+strings.Trim(found[2], " `–"))
		}
		slices.Sort(all)
		return slices.Compact(all)
	}
	want := codes(string(page), `(?m)^\| ([0-9]+) \| ([^|]*)\|`)
	var found []string
	for name, g := range guides(t, guide.Terminal) {
		onAWS := g.stack.Customer.AWS.Vendor.Account != ""
		assert.False(t, strings.Contains(g.text, "| 13 | `iam`") && onAWS, "%s: the walk asks for no service account of Google's", name)
		assert.False(t, strings.Contains(g.text, "| 16 | `ecr`") && !onAWS, "%s: the walk does not lead to ECR", name)
		if _, table, has := strings.Cut(g.text, "| exit code |"); has {
			found = append(found, codes(table, `(?m)^\| ([0-9]+) \| ([^|]*)\|`)...)
		}
	}
	slices.Sort(found)
	assert.Equal(t, slices.DeleteFunc(want, func(code string) bool { return code == "0 " }), slices.Compact(found))
}

// `waybill guide` prints the guide, and says what it does not understand.
func TestTheCommandPrintsAGuide(t *testing.T) {
	t.Chdir("..")
	var out, errs bytes.Buffer
	require.Zero(t, stacks.Command([]string{"guide", "dev"}, &out, &errs), errs.String())
	assert.Contains(t, out.String(), "az identity create")
	out.Reset()
	require.Zero(t, stacks.Command([]string{"guide", "dev", "--for", "terraform"}, &out, &errs), errs.String())
	assert.Contains(t, out.String(), `resource "azurerm_user_assigned_identity" "azure_identity"`)
	assert.Equal(t, 2, stacks.Command([]string{"guide", "dev", "--for", "paper"}, &out, &errs))
	assert.Contains(t, errs.String(), "want one of [terminal terraform]")
}
