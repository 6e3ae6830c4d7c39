/** What is spoken between the gateway and a worker. Small and without dependencies: it is loaded into the worker too. */
export {
  allocate,
  FAILURE,
  FRAME_KIND,
  type FrameHeader,
  FrameWriter,
  HEADER_BYTES,
  PROTOCOL_VERSION,
  ProtocolViolation,
  padded,
  readHeader,
} from './frame.ts'
export { type FrameHandler, FrameReader, viewOf } from './frame-reader.ts'
export {
  decodeLoad,
  encodeLoad,
  type LoadCommand,
  type LoadLimits,
  MAX_MANIFEST_BYTES,
  MAX_MODEL_BYTES,
  MAX_PATH_BYTES,
} from './load-frame.ts'
export {
  type DeclaredTensor,
  decodeTensors,
  encodedBound,
  encodeTensor,
  MAX_RANK,
  MAX_TENSORS,
  WIRE_DATATYPES,
} from './tensor-codec.ts'
