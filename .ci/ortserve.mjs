// ONNX Runtime as a service for tests: one line of JSON in, one out, until the input ends.
//
//   {"model": PATH, "feeds": {NAME: {"type", "dims", "data"}}, "optimise": false, "save": PATH of the optimised graph}
//   -> {"outputs": {NAME: {"type", "dims", "data"}}} or {"error": MESSAGE}
//
// data is a list of numbers; NaN and infinities are strings. onnxruntime-node is found in the folder
// ORT_NODE_MODULES, else as node finds modules from here.
import { createRequire } from 'node:module'
import { resolve } from 'node:path'
import { createInterface } from 'node:readline'

const folder = process.env.ORT_NODE_MODULES
const require = createRequire(folder ? resolve(folder, 'package.json') : import.meta.url)
const ort = require(folder ? resolve(folder, 'onnxruntime-node') : 'onnxruntime-node')

const arrays = {
  float32: Float32Array, float64: Float64Array, int8: Int8Array, uint8: Uint8Array, int16: Int16Array, uint16: Uint16Array,
  int32: Int32Array, uint32: Uint32Array, int64: BigInt64Array, uint64: BigUint64Array, bool: Uint8Array, float16: Uint16Array,
}

function tensor({ type, dims, data }) {
  const Kind = arrays[type]
  const convert = type.endsWith('64') && type !== 'float64' ? BigInt : Number
  return new ort.Tensor(type, Kind.from(data, v => convert(v)), dims)
}

const plain = v => typeof v === 'bigint' ? Number(v) : typeof v !== 'number' || Number.isFinite(v) ? v : String(v)

function answer({ type, dims, data }) {
  if (!dims) throw new Error('an output is no tensor')
  return { type, dims, data: Array.from(data, plain) }
}

async function run({ model, feeds, optimise, save }) {
  const level = optimise ? 'all' : 'disabled'
  const session = await ort.InferenceSession.create(model, { intraOpNumThreads: 1, logSeverityLevel: 4, graphOptimizationLevel: level,
    ...(save && { optimizedModelFilePath: save }) })
  const given = Object.entries(feeds).filter(([name]) => session.inputNames.includes(name))
  const outputs = await session.run(Object.fromEntries(given.map(([name, t]) => [name, tensor(t)])))
  const result = Object.fromEntries(Object.entries(outputs).map(([name, t]) => [name, answer(t)]))
  await session.release()
  return { outputs: result }
}

for await (const line of createInterface({ input: process.stdin })) {
  const result = await run(JSON.parse(line)).catch(error => ({ error: String(error.message ?? error) }))
  process.stdout.write(JSON.stringify(result) + '\n')
}
