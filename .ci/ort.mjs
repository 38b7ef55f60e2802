// ONNX Runtime's opinion about models, independent of softmerge's own kernels.
//
//   node ort.mjs MODEL.onnx... DATA.npz [--label KEY]     one line of JSON a model:
//       {path, samples, correct, accuracy, loss, sha256 and first row of the logits}
//   node ort.mjs --outputs MODEL.onnx IN.npz OUT.json [--limit N] [--only OUTPUT]...
//       {outputs: {name: {type, shape, data}}}; NaN and infinities as strings, 64-bit integers as numbers;
//       --only names the outputs to compute, for graphs that have some that are no tensors
//   node ort.mjs --time MODEL.onnx... DATA.npz --limit N  one line of JSON a model:
//       {path, ms}, the median time of a run on the first N samples, models taking turns
//
// onnxruntime-node is found in the folder ORT_NODE_MODULES, else as node finds modules from here.
import { createHash } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { resolve } from 'node:path'
import { arrayType, readNpz } from './npz.mjs'

const CHUNK = 256
const LABELS = ['label', 'labels', 'y', 'target']
const folder = process.env.ORT_NODE_MODULES
const require = createRequire(folder ? resolve(folder, 'package.json') : import.meta.url)
const ort = require(folder ? resolve(folder, 'onnxruntime-node') : 'onnxruntime-node')

function options(args) {
  const found = { files: [], only: [] }
  for (let i = 0; i < args.length; i++) {
    if (args[i] === '--outputs') found.outputs = true
    else if (args[i] === '--time') found.time = true
    else if (args[i] === '--only') found.only.push(args[++i])
    else if (args[i] === '--label' || args[i] === '--limit') found[args[i].slice(2)] = args[++i]
    else found.files.push(args[i])
  }
  return found
}

const load = path => ort.InferenceSession.create(path, { intraOpNumThreads: 1, logSeverityLevel: 3 })

// What the graph wants may differ from what the file holds: one array under another name, float64 for float32.
function inputsFor(session, arrays, label) {
  const spare = Object.keys(arrays).filter(name => name !== label && !session.inputNames.includes(name))
  return session.inputMetadata.map(({ name, type, shape }) => {
    const only = session.inputNames.length === 1 && spare.length === 1 ? spare[0] : undefined
    const array = arrays[name] ?? arrays[only]
    if (!array) throw new Error(`no array for input ${name}; there are ${Object.keys(arrays)}`)
    return { name, fixed: shape[0], ...cast(array, type) }
  })
}

function cast(array, type) {
  if (array.type === type) return array
  const Kind = arrayType(type)
  const convert = Kind === BigInt64Array ? BigInt : Number
  return { type, shape: array.shape, data: Kind.from(Array.from(array.data, convert)) }
}

// Runs samples in chunks along the first axis; a graph with a fixed batch gets chunks of its own size.
async function run(session, inputs, only = []) {
  const names = only.length ? only : session.outputNames
  const samples = inputs[0].shape[0]
  const chunk = typeof inputs[0].fixed === 'number' ? inputs[0].fixed : CHUNK
  const parts = []
  for (let at = 0; at < samples; at += chunk) {
    const feeds = {}
    for (const { name, type, shape, data } of inputs) {
      const width = data.length / shape[0]
      const rows = Math.min(chunk, samples - at)
      feeds[name] = new ort.Tensor(type, data.slice(at * width, (at + rows) * width), [rows, ...shape.slice(1)])
    }
    parts.push(await session.run(feeds, names))
  }
  return Object.fromEntries(names.map(name => [name, joined(parts.map(p => p[name]))]))
}

function joined(tensors) {
  const Kind = tensors[0].data.constructor
  const data = new Kind(tensors.reduce((sum, t) => sum + t.data.length, 0))
  let at = 0
  for (const tensor of tensors) { data.set(tensor.data, at); at += tensor.data.length }
  const [first, ...rest] = tensors[0].dims
  return { type: tensors[0].type, shape: first === undefined ? [] : [tensors.reduce((s, t) => s + t.dims[0], 0), ...rest], data }
}

// Mean cross entropy and number of right answers; one label for each row along the last axis. Rows that are
// probabilities already (none negative, sum 1) are not put through a softmax again.
function score(logits, labels) {
  const classes = logits.shape.at(-1)
  const rows = Array.from(labels, (_, i) => logits.data.subarray(i * classes, (i + 1) * classes))
  const probabilities = rows.every(row => row.every(v => v >= 0) && Math.abs(sum(row, v => v) - 1) < 1e-4)
  const result = { correct: 0, loss: 0 }
  rows.forEach((row, i) => {
    const [label, max] = [Number(labels[i]), Math.max(...row)]
    const loss = probabilities ? -Math.log(row[label]) : max + Math.log(sum(row, v => Math.exp(v - max))) - row[label]
    result.correct += row.indexOf(max) === label ? 1 : 0
    result.loss += loss / rows.length
  })
  return result
}

const sum = (row, f) => row.reduce((total, v) => total + f(v), 0)

async function evaluate(path, arrays, key) {
  const label = key ?? LABELS.find(name => name in arrays)
  if (!(label in arrays)) throw new Error(`no labels; there are ${Object.keys(arrays)}`)
  const session = await load(path)
  const outputs = await run(session, inputsFor(session, arrays, label))
  const logits = Object.values(outputs).find(o => o.type.startsWith('float'))
  const labels = arrays[label].data
  const { correct, loss } = score(logits, labels)
  const sha256 = createHash('sha256').update(new Uint8Array(logits.data.buffer)).digest('hex')
  return {
    path, samples: labels.length, correct, accuracy: correct / labels.length, loss, sha256,
    first: Array.from(logits.data.subarray(0, logits.shape.at(-1))),
  }
}

const plain = v => typeof v === 'bigint' ? Number(v) : Number.isFinite(v) ? v : String(v)

async function dump([path, source, target], limit, only) {
  const session = await load(path)
  const inputs = inputsFor(session, readNpz(source)).map(input => head(input, limit))
  const outputs = await run(session, inputs, only)
  for (const output of Object.values(outputs)) output.data = Array.from(output.data, plain)
  writeFileSync(target, JSON.stringify({ outputs }))
}

function head(input, limit) {
  const rows = Math.min(limit ?? Infinity, input.shape[0])
  const data = input.data.slice(0, rows * (input.data.length / input.shape[0]))
  return { ...input, shape: [rows, ...input.shape.slice(1)], data }
}

const ROUNDS = 200

async function time(models, arrays, limit) {
  const label = LABELS.find(name => name in arrays)
  const runs = await Promise.all(models.map(async path => {
    const session = await load(path)
    const inputs = inputsFor(session, arrays, label).map(input => head(input, limit))
    const feeds = Object.fromEntries(inputs.map(({ name, type, shape, data }) => [name, new ort.Tensor(type, data, shape)]))
    return { path, session, feeds, taken: [] }
  }))
  for (let round = 0; round < ROUNDS; round++) {
    for (const { session, feeds, taken } of runs) {
      const began = performance.now()
      await session.run(feeds)
      taken.push(performance.now() - began)
    }
  }
  return runs.map(({ path, taken }) => ({ path, ms: taken.sort((a, b) => a - b)[ROUNDS / 2] }))
}

const { files, outputs, label, limit, only, time: timed } = options(process.argv.slice(2))
if (outputs) {
  await dump(files, limit, only)
} else if (timed) {
  for (const row of await time(files.slice(0, -1), readNpz(files.at(-1)), limit)) console.log(JSON.stringify(row))
} else {
  const arrays = readNpz(files.at(-1))
  for (const path of files.slice(0, -1)) console.log(JSON.stringify(await evaluate(path, arrays, label)))
}
