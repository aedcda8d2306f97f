// Answers simulations with the iam-simulate package of a node_modules folder:
// one JSON document in, one line with its result out.
import { createRequire } from 'node:module'
import { createInterface } from 'node:readline'

const { runSimulation } = createRequire(process.argv[2] + '/')('@cloud-copilot/iam-simulate')

for await (const line of createInterface({ input: process.stdin })) {
  const outcome = await runSimulation(JSON.parse(line), {})
  const { overallResult, errors, result } = outcome
  console.log(JSON.stringify({ result: overallResult, errors, ignored: result?.ignoredContextKeys }))
}
