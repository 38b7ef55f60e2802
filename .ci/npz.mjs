// Reads NumPy's .npz archives: name -> {type, shape, data} with ONNX Runtime's type names and typed arrays.
import { readFileSync } from 'node:fs'
import { inflateRawSync } from 'node:zlib'

const TYPES = {
  f4: ['float32', Float32Array], f8: ['float64', Float64Array], f2: ['float16', Uint16Array],
  i1: ['int8', Int8Array], i2: ['int16', Int16Array], i4: ['int32', Int32Array], i8: ['int64', BigInt64Array],
  u1: ['uint8', Uint8Array], u2: ['uint16', Uint16Array], u4: ['uint32', Uint32Array], u8: ['uint64', BigUint64Array],
  b1: ['bool', Uint8Array],
}

export function arrayType(type) {
  const found = Object.values(TYPES).find(([name]) => name === type)
  if (!found) throw new Error(`no array type for ${type}`)
  return found[1]
}

export function readNpz(path) {
  const arrays = {}
  for (const [name, bytes] of zipEntries(readFileSync(path))) arrays[name.replace(/\.npy$/, '')] = parseNpy(bytes)
  return arrays
}

// The central directory is what counts: local headers may hold zeros where sizes were not known yet.
function * zipEntries(file) {
  const end = file.lastIndexOf(Buffer.from('PK\x05\x06', 'latin1'))
  if (end < 0) throw new Error('not a zip archive: no end record')
  let at = file.readUInt32LE(end + 16)
  for (let left = file.readUInt16LE(end + 10); left > 0; left--) {
    const [method, size] = [file.readUInt16LE(at + 10), file.readUInt32LE(at + 20)]
    const [nameLength, extra, comment] = [28, 30, 32].map(o => file.readUInt16LE(at + o))
    const local = file.readUInt32LE(at + 42)
    const start = local + 30 + file.readUInt16LE(local + 26) + file.readUInt16LE(local + 28)
    const packed = file.subarray(start, start + size)
    if (method !== 0 && method !== 8) throw new Error(`zip method ${method} is neither stored nor deflate`)
    yield [file.toString('utf8', at + 46, at + 46 + nameLength), method === 8 ? inflateRawSync(packed) : packed]
    at += 46 + nameLength + extra + comment
  }
}

function parseNpy(bytes) {
  if (bytes.toString('latin1', 0, 6) !== '\x93NUMPY') throw new Error('not a npy array')
  const [length, start] = bytes[6] === 1 ? [bytes.readUInt16LE(8), 10] : [bytes.readUInt32LE(8), 12]
  const header = bytes.toString('latin1', start, start + length)
  const [, order, code] = /'descr': *'([<|])(\w\d)'/.exec(header) ?? []
  if (!order || !TYPES[code]) throw new Error(`npy header not understood: ${header.trim()}`)
  if (/'fortran_order': *True/.test(header)) throw new Error('npy array in Fortran order')
  const shape = /'shape': *\(([^)]*)\)/.exec(header)[1].split(',').filter(s => s.trim()).map(Number)
  const [type, Kind] = TYPES[code]
  const payload = Uint8Array.from(bytes.subarray(start + length)) // a copy: aligned
  return { type, shape, data: new Kind(payload.buffer, 0, shape.reduce((a, b) => a * b, 1)) }
}
