/**
 * Measures the scanner against the floor it cannot beat, hashing with node:crypto, in the same run, and against
 * picklescan where Python has it. Usage: npm run bench:scan [-- MEGABYTES]
 */
import { execFileSync, spawnSync } from 'node:child_process'
import { createHash, randomFillSync } from 'node:crypto'
import {
  closeSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import { scanPaths } from '../../src/supply/scan/index.ts'

const megabytes = Number(process.argv[2] ?? 500)
const RUNS = 5

const root = mkdtempSync(join(tmpdir(), 'sallyport-bench-'))
try {
  await main()
} finally {
  rmSync(root, { recursive: true, force: true })
}

async function main(): Promise<void> {
  const big = join(root, 'big.pt')
  const opcodes = join(root, 'opcodes.pkl')
  const small = join(root, 'small')
  writeTorchZip(big, megabytes)
  writeFileSync(opcodes, manyOpcodes(4_400_000))
  mkdirSync(small)
  for (let index = 0; index < 2000; index++) writeFileSync(join(small, `${index}.pkl`), smallPickle(index))
  // A worker that has started once: the start is not what is measured.
  await scanAll([join(small, '0.pkl')])

  const pairs: { hash: number; scan: number }[] = []
  for (let run = 0; run < RUNS; run++) {
    const hash = await timed(() => hashFile(big))
    const scan = await timed(() => scanAll([big]))
    pairs.push({ hash, scan })
  }
  const hash = Math.min(...pairs.map((pair) => pair.hash))
  const scan = Math.min(...pairs.map((pair) => pair.scan))
  row(`${megabytes} MB PyTorch zip: hash`, hash)
  row(`${megabytes} MB PyTorch zip: hash and scan, worker start included`, scan, scan / hash)
  const peer = picklescan(big)
  if (peer !== undefined) row(`${megabytes} MB PyTorch zip: picklescan, without a hash`, peer, peer / hash)

  const before = process.cpuUsage()
  await scanAll([opcodes])
  const cpu = process.cpuUsage(before)
  row('4.4 million opcodes: CPU', (cpu.user + cpu.system) / 1000)
  const opcodesPeer = picklescan(opcodes)
  if (opcodesPeer !== undefined) row('4.4 million opcodes: picklescan', opcodesPeer)

  row('2,000 small files', Math.min(await timed(() => scanAll([small])), await timed(() => scanAll([small]))))
  const smallPeer = picklescan(small)
  if (smallPeer !== undefined) row('2,000 small files: picklescan', smallPeer)
  console.log(
    `| largest resident size of this process | ${(process.resourceUsage().maxRSS / 1024).toFixed(0)} MiB | |`,
  )
  console.log(
    `| largest resident size of \`sallyport scan\` on the ${megabytes} MB zip | ${residentOf(big)} MiB | |`,
  )
}

function row(what: string, milliseconds: number, ratio?: number): void {
  console.log(
    `| ${what} | ${milliseconds.toFixed(0)} ms | ${ratio === undefined ? '' : `${ratio.toFixed(2)}x`} |`,
  )
}

async function timed(work: () => unknown): Promise<number> {
  const started = performance.now()
  await work()
  return performance.now() - started
}

async function scanAll(paths: readonly string[]): Promise<void> {
  for await (const report of scanPaths(paths)) {
    if (report.verdict !== 'clean')
      throw new Error(`${report.path} is ${report.verdict}: ${JSON.stringify(report.findings[0])}`)
  }
}

function hashFile(path: string): string {
  const digest = createHash('sha256')
  const buffer = Buffer.allocUnsafeSlow(512 * 1024)
  const descriptor = openSync(path, 'r')
  for (let at = 0; ; ) {
    const count = readSync(descriptor, buffer, 0, buffer.length, at)
    if (count === 0) break
    digest.update(buffer.subarray(0, count))
    at += count
  }
  closeSync(descriptor)
  return digest.digest('hex')
}

function picklescan(path: string): number | undefined {
  if (spawnSync('python3', ['-c', 'import picklescan']).status !== 0) return undefined
  const started = performance.now()
  spawnSync('python3', ['-m', 'picklescan', '-p', path])
  return performance.now() - started
}

function residentOf(path: string): string {
  const program = new URL('../../bin/sallyport', import.meta.url).pathname
  try {
    const code = `import resource,subprocess,sys;subprocess.run(sys.argv[1:],stdout=subprocess.DEVNULL);print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss//1024)`
    return execFileSync('python3', ['-c', code, program, 'scan', '--no-progress', path], {
      encoding: 'utf8',
    }).trim()
  } catch {
    return 'unknown'
  }
}

/** Stored members, as PyTorch writes them: a pickle and storages of 10 MB. */
function writeTorchZip(path: string, size: number): void {
  const descriptor = openSync(path, 'w')
  const entries: Buffer[] = []
  const chunk = Buffer.alloc(10_000_000)
  let offset = 0
  const add = (name: string, content: Buffer) => {
    const fields = Buffer.alloc(20)
    fields.writeUInt32LE(crc32(content), 8)
    fields.writeUInt32LE(content.length, 12)
    fields.writeUInt32LE(content.length, 16)
    const local = Buffer.alloc(30)
    local.write('PK\x03\x04', 0, 'latin1')
    fields.copy(local, 6)
    local.writeUInt16LE(name.length, 26)
    const central = Buffer.alloc(46)
    central.write('PK\x01\x02', 0, 'latin1')
    fields.copy(central, 8)
    central.writeUInt16LE(name.length, 28)
    central.writeUInt32LE(offset, 42)
    entries.push(central, Buffer.from(name))
    for (const part of [local, Buffer.from(name), content]) writeSync(descriptor, part)
    offset += 30 + name.length + content.length
  }
  add('big/data.pkl', Buffer.from('80027d2e', 'hex'))
  for (let index = 0; index < size / 10; index++) add(`big/data/${index}`, randomFillSync(chunk))
  add('big/version', Buffer.from('3\n'))
  const directory = Buffer.concat(entries)
  const end = Buffer.alloc(22)
  end.write('PK\x05\x06', 0, 'latin1')
  end.writeUInt16LE(entries.length / 2, 8)
  end.writeUInt16LE(entries.length / 2, 10)
  end.writeUInt32LE(directory.length, 12)
  end.writeUInt32LE(offset, 16)
  writeSync(descriptor, Buffer.concat([directory, end]))
  closeSync(descriptor)
}

/** A list of small integers: one opcode each, with a mark for every thousand. */
function manyOpcodes(count: number): Buffer {
  const group = Buffer.concat([Buffer.from('('), Buffer.from('4b07'.repeat(998), 'hex'), Buffer.from('e')])
  return Buffer.concat([
    Buffer.from('80025d', 'hex'),
    ...Array.from({ length: count / 1000 }, () => group),
    Buffer.from('.'),
  ])
}

function smallPickle(index: number): Buffer {
  return Buffer.concat([
    Buffer.from('80027d', 'hex'),
    Buffer.from([0x58, 4, 0, 0, 0]),
    Buffer.from(String(index).padStart(4, '0')),
    Buffer.from('4b0173 2e'.replace(' ', ''), 'hex'),
  ])
}
