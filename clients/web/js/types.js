// Shapes shared by the modules, for the type checker only: this file holds no code and is never loaded by a browser.
// The wire shapes are those of docs/protocol.md.

/**
 * @typedef {[number, number]} Pair
 * @typedef {Record<string, unknown>} Json
 *
 * @typedef {object} AxisInfo
 * @property {string} name
 * @property {string} type     "space", "time", "channel" or ""
 * @property {string} unit     as written in the data set, "" where there is none
 * @property {number} size     number of indices, in the index space of the sliders
 * @property {number} scale    world units an index
 * @property {number} translate
 *
 * @typedef {object} Dims
 * @property {string[]} labels
 * @property {number[]} step
 * @property {number[]} sizes
 * @property {number[]} order
 * @property {number[]} displayed
 * @property {2 | 3} ndisplay
 *
 * @typedef {object} LayerControls
 * @property {boolean} visible
 * @property {number} opacity
 * @property {string} colormap
 * @property {string} interpolation
 * @property {number} gamma
 * @property {Pair} contrast_limits
 *
 * @typedef {object} Layer
 * @property {string} id
 * @property {string} name
 * @property {string} dtype
 * @property {Pair} contrastRange
 * @property {LayerControls} controls
 *
 * @typedef {object} PlanePose
 * @property {Pair} center     world (x, y)
 * @property {number} zoom     canvas pixels a world unit
 *
 * @typedef {object} VolumePose
 * @property {[number, number, number]} center   world (x, y, z)
 * @property {[number, number, number]} angles   azimuth, elevation, roll, degrees
 * @property {number} distance  eye to centre, or with fov 0 the world height of the canvas
 * @property {number} fov       degrees, 0 is orthographic
 *
 * @typedef {object} Stream
 * @property {number} width
 * @property {number} height
 * @property {number} fps
 * @property {Uint8Array} avcc  the AVCDecoderConfigurationRecord, empty where not known yet
 *
 * @typedef {object} Intent
 * @property {string} scope
 * @property {string} target
 * @property {string} key
 * @property {unknown} value
 *
 * @typedef {object} PacketHeader
 * @property {number} seq
 * @property {number} timestampS     Unix epoch seconds, the server's clock
 * @property {number} width
 * @property {number} height
 * @property {number} codec          1 h264, 2 hevc, 3 av1
 * @property {boolean} keyframe
 * @property {number | null} sceneVersion   null where the header has no extension
 * @property {number | null} frameId
 * @property {number} payloadOffset
 *
 * @typedef {object} Packet
 * @property {PacketHeader} header
 * @property {Uint8Array} payload    AVCC
 *
 * @typedef {object} DirectoryEntry
 * @property {string} name
 * @property {string} path
 * @property {boolean} isDirectory
 * @property {boolean} isDataset
 * @property {string[]} children     datasets right inside
 * @property {number} modifiedS
 */

export {};
