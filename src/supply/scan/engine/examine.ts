import {
  type ByteSource,
  detectCodec,
  findHdf5,
  memorySource,
  readAll,
  readTar,
  readZip,
  sliceSource,
} from '../../../formats/index.ts'
import type { CheckContext } from '../checks/check.ts'
import { checkGguf, checkSafetensors, checkTflite, isMismatch, programKind } from '../checks/formats.ts'
import { checkRds } from '../checks/rds.ts'
import { checkTextBlob, isTextSource } from '../checks/text.ts'
import { checkZip, isPadding, mayBeZip } from '../checks/zip.ts'
import {
  explainPickle,
  looksLikePickle,
  type PickleContext,
  type PickleScan,
  scanNumpy,
  scanPickle,
} from '../pickle/index.ts'
import { type Blob, extensionOf, innerBlob } from './blob.ts'
import type { Examination } from './examination.ts'
import { once } from './once.ts'

// Readers that few files need are loaded when one does: starting costs more than scanning.
const keras = once(() => import('../checks/keras.ts'))
const onnx = once(() => import('../onnx/index.ts'))
const savedModel = once(() => import('../checks/savedmodel.ts'))

/** Thrown by a reader's progress call when the time of the file is spent. */
class OutOfTime extends Error {}

/** Examines a file and everything inside it. Never throws for what the bytes hold. */
export async function examine(blob: Blob, examination: Examination): Promise<void> {
  const context: CheckContext = { examination, descend: (inner) => examine(inner, examination) }
  if (blob.source.size === 0) {
    if (blob.depth === 0) examination.report('content.empty', blob, { message: 'the file is empty' })
    if (blob.depth === 0) examination.formats.push('empty')
    return
  }
  // A member was admitted by its archive, before it was expanded.
  if (blob.depth > 0 && blob.depth > examination.options.budget.maxDepth && !examination.admit(blob)) return
  try {
    await new Typing(blob, context).run()
  } catch (thrown) {
    if (thrown instanceof OutOfTime) {
      examination.report('scan.time-limit', blob, { message: 'examining the file took longer than it may' })
      return
    }
    // A defect of a reader must not make a file clean, nor keep the others from being scanned.
    const name = thrown instanceof Error ? thrown.constructor.name : typeof thrown
    examination.report('scan.failed', blob, { message: `a reader of the scanner failed (${name})` })
    if (process.env['SALLYPORT_DEBUG'] === '1')
      process.stderr.write(`${thrown instanceof Error ? thrown.stack : ''}\n`)
  }
}

const IMAGE = /^(?:89504e470d0a1a0a|ffd8ff|47494638|52494646........57454250|25504446)/
const HEAD_BYTES = 512

/** Tries every format on one blob. A blob is everything that some loader would take it for. */
class Typing {
  readonly #blob: Blob
  readonly #context: CheckContext
  readonly #source: ByteSource
  readonly #formats: string[] = []

  constructor(blob: Blob, context: CheckContext) {
    this.#blob = blob
    this.#context = context
    this.#source = blob.source
  }

  async run(): Promise<void> {
    const head = Buffer.from(this.#source.read(0, HEAD_BYTES))
    const program = programKind(this.#source)
    if (program !== undefined) {
      this.#formats.push('program')
      this.#report('content.executable', `the bytes are ${program}`)
    }
    if (IMAGE.test(head.toString('hex', 0, 12))) this.#formats.push('image')
    await this.#containers(head)
    await this.#structured(head)
    await this.#pickles(head)
    await this.#protobuf(head)
    if (this.#formats.length === 0 || (this.#formats.length === 1 && this.#formats[0] === 'zip'))
      await this.#text(head)
    this.#judgeWhole()
  }

  #report(rule: string, message: string, offset = 0): void {
    this.#context.examination.report(rule, this.#blob, { message, offset })
  }

  async #containers(head: Buffer): Promise<void> {
    if (mayBeZip(this.#source)) {
      const reading = readZip(this.#source)
      if (reading.isZip) {
        this.#formats.push('zip')
        await checkZip(this.#blob, reading, this.#context)
      }
    }
    const magic = head.toString('hex', 0, 8)
    if (magic.startsWith('377abcaf271c')) await this.#sevenZip()
    if (magic.startsWith('526172211a07')) {
      this.#formats.push('rar')
      this.#report('archive.unread', 'RAR archives are not read')
    }
    if (magic.startsWith('4d534346')) {
      this.#formats.push('cabinet')
      this.#report('archive.unread', 'cabinet files are not read')
    }
    if (this.#source.size >= 512) await this.#tar()
    await this.#compressed(head)
  }

  async #tar(): Promise<void> {
    const reading = readTar(this.#source)
    if (!reading.isTar) return
    this.#formats.push('tar')
    const { examination, descend } = this.#context
    for (const anomaly of reading.anomalies) {
      const rule = TAR_RULE[anomaly.code] ?? (anomaly.isUnread ? 'archive.unread' : undefined)
      if (rule !== undefined)
        examination.report(rule, this.#blob, { message: anomaly.message, offset: anomaly.offset })
    }
    const isTorch = ['pickle', 'storages', 'tensors'].every((name) =>
      reading.members.some((own) => own.name.replace(/^\.\//, '') === name),
    )
    for (const member of reading.members) {
      if (member.kind !== 'file' && member.kind !== 'other') continue
      const source = sliceSource(this.#source, member.dataOffset, member.size)
      const isClaimedPickle = isTorch || /\.(pkl|pickle)$/i.test(member.name)
      const inner = innerBlob(this.#blob, source, member.name, { isClaimedPickle })
      if (examination.admit(inner)) await descend(inner)
    }
    const rest = sliceSource(this.#source, reading.end, this.#source.size - reading.end)
    if (rest.size > 0 && !isPadding(rest)) {
      this.#report('archive.data-after', `${rest.size} bytes follow the archive`, reading.end)
      await descend(innerBlob(this.#blob, rest, `after@${reading.end}`))
    }
  }

  async #compressed(head: Buffer): Promise<void> {
    const codec = detectCodec(head)
    if (codec === undefined) return
    // A constant of a pickle may begin like a stream by chance; no loader was told that it is one.
    const isConstant = /^constant@\d+$/.test(this.#blob.name)
    const isGuess = codec === 'zlib' || codec === 'lzma' || isConstant
    const name = this.#blob.name.replace(/\.(?:gz|gzip|z|bz2|xz|lzma|lz4|zst|zstd|tgz)$/i, '') || 'contents'
    let isReal = false
    const end = await this.#context.examination.expand(
      this.#blob,
      this.#source,
      codec,
      async (expanded, state) => {
        isReal =
          expanded.size > 0 &&
          (!isGuess || state.problem === undefined || (expanded.size > 64 && !isConstant))
        if (!isReal) return
        this.#formats.push('compressed')
        // Loaders look through compression by content, so what is inside is still the file.
        const inner = innerBlob(this.#blob, expanded, `${codec}:${name}`, {
          isClaimedPickle: this.#blob.isClaimedPickle,
        })
        if (this.#context.examination.admit(inner)) await this.#context.descend(inner)
      },
    )
    if (end.problem !== undefined && (isReal || !isGuess)) {
      if (!isReal) this.#formats.push('compressed')
      this.#report(
        'archive.broken-stream',
        'the compressed stream breaks off; loaders act on what comes before',
      )
    }
    const rest = sliceSource(this.#source, end.consumed, this.#source.size - end.consumed)
    if (isReal && end.problem === undefined && rest.size > 0 && !isPadding(rest)) {
      this.#report('archive.data-after', `${rest.size} bytes follow the compressed stream`, end.consumed)
      await this.#context.descend(innerBlob(this.#blob, rest, `after@${end.consumed}`))
    }
  }

  async #sevenZip(): Promise<void> {
    this.#formats.push('7z')
    this.#report('archive.unread', '7z archives are not read')
  }

  /** Formats that name themselves. */
  async #structured(head: Buffer): Promise<void> {
    if (findHdf5(this.#source) >= 0) {
      this.#formats.push('hdf5')
      const { checkHdf5 } = await keras()
      checkHdf5(this.#blob, this.#source, this.#context)
    }
    if (checkGguf(this.#blob, this.#source, this.#context)) this.#formats.push('gguf')
    if (checkSafetensors(this.#blob, this.#source, this.#context)) this.#formats.push('safetensors')
    if (checkTflite(this.#blob, this.#source, this.#context)) this.#formats.push('tflite')
    if (checkRds(this.#blob, this.#source, this.#context)) this.#formats.push('rds')
    if (/^(?:lmgg|fmgg|tjgg|GGML|GGJT)/.test(head.toString('latin1', 0, 4))) this.#formats.push('ggml')
  }

  async #pickles(head: Buffer): Promise<void> {
    if (head.toString('hex', 0, 6) === '934e554d5059') {
      this.#formats.push('numpy')
      await this.#take(scanNumpy(this.#source, this.#pickleContext(true)))
      return
    }
    const isClaimed = this.#blob.isClaimedPickle || PICKLE_NAMES.has(extensionOf(this.#blob.name))
    const isNeeded = (isClaimed && this.#formats.length === 0) || this.#blob.isClaimedPickle
    // `PK` reads as a persistent id of nonsense, which every loader of pickles refuses before anything else.
    if (!this.#blob.isClaimedPickle && head[0] === 0x50 && this.#formats.includes('zip')) return
    if (!isNeeded && !looksLikePickle(head)) return
    const scan = scanPickle(this.#source, this.#pickleContext(isNeeded))
    if (scan.isPickle) this.#formats.push('pickle')
    await this.#take(scan)
    if (this.#context.examination.options.isExplained === true) this.#explain(isNeeded)
  }

  #explain(isClaimed: boolean): void {
    const { imports, calls, disassembly } = explainPickle(this.#source, this.#pickleContext(isClaimed))
    this.#context.examination.explanation.push(
      ...(this.#blob.member === undefined ? [] : [`in ${this.#blob.member}`]),
      ...imports.map((name) => `import ${name}`),
      ...calls.map((call) => `call   ${call}`),
      ...disassembly,
    )
  }

  #pickleContext(isClaimed: boolean): PickleContext {
    const { options } = this.#context.examination
    return {
      isClaimed,
      profile: this.#blob.profile,
      allowGlobals: options.allowGlobals,
      maxOpcodes: options.budget.maxOpcodes,
      onProgress: () => {
        if (options.monotonicMs() > this.#context.examination.deadlineMs) throw new OutOfTime()
      },
    }
  }

  async #take(scan: PickleScan): Promise<void> {
    const { examination } = this.#context
    for (const sighting of scan.findings) examination.reportRule(sighting.rule, this.#blob, sighting)
    for (const name of scan.imports) examination.imports.add(name)
    for (const nested of scan.nested) {
      if (!isContainer(nested.bytes)) continue
      const inner = innerBlob(this.#blob, memorySource(nested.bytes), `constant@${nested.offset}`)
      if (examination.admit(inner)) await this.#context.descend(inner)
    }
  }

  /** Formats without a magic number: read as each, and taken for what reads well. */
  async #protobuf(head: Buffer): Promise<void> {
    const extension = extensionOf(this.#blob.name)
    const isNamed =
      extension === 'onnx' || extension === 'pb' || extension === 'mlmodel' || extension === 'ort'
    // Storages of PyTorch are raw numbers to their loader, and there are thousands of them.
    const isStorage = this.#blob.depth > 0 && /(?:^|\/)data\/\d+$/.test(this.#blob.name)
    const isPlausible = this.#formats.length === 0 && !isStorage && [0x08, 0x0a, 0x12].includes(head[0] ?? 0)
    if (!isNamed && !isPlausible) return
    const bytes = readAll(this.#source, MAX_PROTOBUF_BYTES)
    if (bytes === undefined) {
      if (isNamed) this.#report('content.unread', `the model is larger than ${MAX_PROTOBUF_BYTES} bytes`)
      return
    }
    const { ONNX_READER } = await onnx()
    if (ONNX_READER.recognises(bytes)) {
      this.#formats.push('onnx')
      for (const finding of ONNX_READER.check(bytes, this.#context.examination.path)) {
        // Weights in a file beside the model are ordinary; only who admits a single file has to refuse them.
        const isOrdinary = finding.rule === 'onnx.external-data'
        this.#context.examination.take(isOrdinary ? { ...finding, severity: 'info' } : finding, this.#blob)
      }
      return
    }
    const { checkCoreMl, checkSavedModel } = await savedModel()
    if (extension !== 'mlmodel' && checkSavedModel(this.#blob, bytes, extension === 'pb', this.#context)) {
      this.#formats.push('savedmodel')
    } else if (checkCoreMl(this.#blob, bytes, extension === 'mlmodel', this.#context)) {
      this.#formats.push('coreml')
    }
  }

  async #text(head: Buffer): Promise<void> {
    const isPolyglot = this.#formats.length > 0
    if (!isTextSource(head, this.#source)) return
    if (!isPolyglot) this.#formats.push('text')
    await checkTextBlob(this.#blob, this.#context)
  }

  #judgeWhole(): void {
    const { examination } = this.#context
    const formats = [...new Set(this.#formats)]
    if (this.#blob.depth === 0) examination.formats.push(...formats)
    const extension = extensionOf(this.#blob.name)
    if (formats.filter((format) => format !== 'text').length > 1) {
      this.#report('content.polyglot', `the bytes are at once ${formats.join(' and ')}`)
    }
    if (isMismatch(extension, formats)) {
      this.#report(
        'content.name-mismatch',
        `the name says ${extension} and the content is ${formats.join(', ')}`,
      )
    }
    if (formats.some((format) => format !== 'image') || (formats.length > 0 && !MODEL_NAMES.has(extension)))
      return
    const isModelName = MODEL_NAMES.has(extension)
    const isRaw = RAW_NAMES.test(this.#blob.name)
    // Inside archives raw weights carry no names of their own; a file by itself must be something.
    if (isModelName || (this.#blob.depth === 0 && !isRaw)) {
      this.#report('content.unknown', 'no loader known here would take these bytes')
    }
  }
}

const MAX_PROTOBUF_BYTES = 1024 * 1024 * 1024

const TAR_RULE: Readonly<Record<string, string>> = {
  'path-escape': 'archive.path-escape',
  'link-escape': 'archive.link-escape',
  device: 'archive.device',
  'too-many-members': 'archive.too-many-members',
}

/** Names whose loaders unpickle whatever they are given. */
const PICKLE_NAMES = new Set('pkl pickle pck pcl p pk dill joblib pt pth pth2 ckpt sav mdl ptl'.split(' '))
const MODEL_NAMES = new Set(
  'pkl pickle dill joblib pt pth ckpt h5 hdf5 keras onnx gguf ggml safetensors npy npz tflite pb mlmodel zip tar nemo rds rdata gz bz2 xz lz4 zst 7z skops pmml'.split(
    ' ',
  ),
)
/** Names under which weights lie without any structure: nothing that a loader of them does depends on the bytes. */
const RAW_NAMES =
  /\.(?:bin|data|raw|weights?|dat|idx\d?|index|vec|emb|onnx_data|onnx\.data|mdb|params|model|spm|wav|mp3|flac|parquet|arrow|tfrecords?|ico|ttf|ubj|bst|cbm|data-\d+-of-\d+)$|(?:^|\/)[\w.-]*-ubyte$/i

/** Whether a constant of a pickle is worth a look: pickles in constants are the pickle scanner's own business. */
function isContainer(bytes: Uint8Array): boolean {
  const codec = detectCodec(bytes)
  const magic = Buffer.from(bytes.subarray(0, 8)).toString('latin1')
  return (
    (codec !== undefined && codec !== 'lzma') ||
    magic.startsWith('PK\x03\x04') ||
    magic.startsWith('\x7fELF') ||
    magic.startsWith('\x89HDF') ||
    magic.startsWith('7z\xbc\xaf')
  )
}
