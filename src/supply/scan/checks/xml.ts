import { SaxesParser } from 'saxes'
import type { Blob } from '../engine/blob.ts'
import type { CheckContext } from './check.ts'
import { checkText } from './indicators.ts'

/** Layer types of OpenVINO's own operation sets are versioned `opsetN`. */
const OPENVINO_VERSION = /^(?:opset\d+|ie_internal_opset|util|experimental|)$/
const MAX_DEPTH = 1000

/** XML of a model: document types, OpenVINO's foreign layers, script in PMML. */
export function checkXml(blob: Blob, text: string, context: CheckContext): void {
  const { examination } = context
  let depth = 0
  let root = ''
  let problem: string | undefined
  const parser = new SaxesParser({ position: true })
  parser.on('doctype', (doctype) => {
    if (/ENTITY|SYSTEM|PUBLIC/.test(doctype)) {
      const message = 'the document type declares entities, which a careless parser expands or fetches'
      examination.report('xml.entity', blob, { message, offset: parser.position })
    }
  })
  parser.on('opentag', (tag) => {
    if (++depth > MAX_DEPTH) throw new TooDeep()
    if (root === '') root = tag.name
    const attributes: Record<string, string> = {}
    for (const [name, value] of Object.entries(tag.attributes)) attributes[name] = String(value)
    if (root === 'net' && tag.name === 'layer' && !OPENVINO_VERSION.test(attributes['version'] ?? '')) {
      const message = 'a layer needs an extension library'
      examination.report('openvino.extension', blob, {
        message,
        offset: parser.position,
        evidence: attributes['type'] ?? '',
      })
    }
    if (root === 'net' && /\.(?:so|dll|dylib)\b/.test(Object.values(attributes).join(' '))) {
      const message = 'a layer names a library'
      examination.report('openvino.extension', blob, { message, offset: parser.position })
    }
    if (root === 'PMML' && /^(?:script|Script|ScriptCode|JavaScript)$/.test(tag.name)) {
      examination.report('pmml.extension', blob, {
        message: 'a PMML model holds script',
        offset: parser.position,
      })
    }
    for (const [name, value] of Object.entries(attributes)) {
      if (
        root === 'PMML' &&
        /^(?:https?|file|ftp):/.test(value) &&
        !name.startsWith('xmlns') &&
        !/schemaLocation/.test(name)
      ) {
        examination.report('pmml.extension', blob, {
          message: `an attribute names a place outside (${name})`,
          evidence: value,
        })
      }
      checkText(blob, value, `attribute ${name}`, context)
    }
  })
  parser.on('closetag', () => {
    depth--
  })
  parser.on('text', (value) => checkText(blob, value, 'text', context))
  parser.on('cdata', (value) => checkText(blob, value, 'text', context))
  parser.on('error', (thrown) => {
    problem ??= thrown.message
  })
  try {
    parser.write(text).close()
  } catch (thrown) {
    if (!(thrown instanceof TooDeep)) throw thrown
    problem = 'elements nest deeper than is read'
  }
  if (problem !== undefined && (root === 'net' || root === 'PMML')) {
    examination.report('content.unread', blob, { message: 'the XML is not well formed' })
  }
}

class TooDeep extends Error {}
