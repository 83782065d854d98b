// The walk along a ray whose steepest axis is known when this is compiled; mip.comp includes it once an axis. Before that it
// defines TO_KAB and TO_XYZ, the swizzles from (z, y, x) to (steepest, a, b) and from there to (x, y, z), and the names of
// the functions below: PLANE, MOST, SLAB and MARCH.

float PLANE(Ray ray, float plane) {
#if FILTER
  return value_of(textureLod(volume, fma(vec3(plane), ray.texture_step, ray.texture_start).TO_XYZ, 0.0)) * texel_scale;
#elif LINEAR
  vec2 p = clamp(fma(vec2(plane), ray.slope, ray.start), vec2(0.0), vec2(ray.last));
  vec2 corner = floor(p);
  vec2 weight = p - corner;
  ivec3 at = ivec3(int(plane), ivec2(corner)).TO_XYZ;
  // Beyond the last voxel a neighbour has no value and weight 0.
  float a = value_of(texelFetch(volume, at, 0));
  float b = value_of(texelFetchOffset(volume, at, 0, ivec3(0, 0, 1).TO_XYZ));
  float c = value_of(texelFetchOffset(volume, at, 0, ivec3(0, 1, 0).TO_XYZ));
  float d = value_of(texelFetchOffset(volume, at, 0, ivec3(0, 1, 1).TO_XYZ));
  return mixed(mixed(a, b, weight.y), mixed(c, d, weight.y), weight.x);
#else
  ivec2 p = min(ivec2(floor(fma(vec2(plane), ray.slope, ray.start) + 0.5)), ray.last);
  return value_of(texelFetch(volume, ivec3(int(plane), p).TO_XYZ, 0));
#endif
}

// The largest value that samples in planes i to j, all of them in bricks of 1 << shift, can have. No slope exceeds 1, so they
// lie in two bricks along each of the other axes at most.
float MOST(Ray ray, int i, int j, int shift, ivec3 strides, int begin) {
  ivec2 p = brick_of(ray, i, shift);
  ivec2 q = brick_of(ray, j, shift);
  ivec3 stride = strides.TO_KAB;
  int at = begin + (i >> shift) * stride.x;
  ivec2 a = at + ivec2(p.x, q.x) * stride.y;
  ivec2 b = ivec2(p.y, q.y) * stride.z;
  return max(max(brick_max[a.x + b.x], brick_max[a.x + b.y]), max(brick_max[a.y + b.x], brick_max[a.y + b.y]));
}

// Four planes at a time, so that their fetches are under way together.
float SLAB(Ray ray, int i, int end, float best) {
  for (; i + 4 <= end; i += 4) {
    float plane = float(i);
    float a = PLANE(ray, plane);
    float b = PLANE(ray, plane + 1.0);
    float c = PLANE(ray, plane + 2.0);
    float d = PLANE(ray, plane + 3.0);
    best = larger(larger(larger(larger(best, a), b), c), d);
  }
  for (; i < end; ++i) best = larger(best, PLANE(ray, float(i)));
  return best > kNothing ? max(best, dark) : best;
}

float MARCH(ivec2 pixel) {
  RowRays row = rows[pixel.y];
  vec3 point = fma(vec3(float(pixel.x)), point_step, row.point.xyz);
  ivec3 n = shape.TO_KAB;
  vec2 planes = vec2(0.0, float(n.x));
  Ray ray;
  ray.start = point.xy;
  ray.slope = fixed_slope;
  if (fixed_axis < 0) {
    vec3 d = fma(vec3(float(pixel.x)), direction_step, row.direction.xyz).TO_KAB;
    vec3 o = point.TO_KAB;
    ray.slope = d.yz / d.x;
    ray.start = fma(vec2(-o.x), ray.slope, o.yz);
    if (d.x > 0.0) planes.x = float(front_first.TO_KAB.x);
    if (d.x < 0.0) planes.y = float(front_end.TO_KAB.x);
  }
  trim(ray, n, planes);
#if FILTER
  ray.texture_start = (vec3(0.0, ray.start) + 0.5) / vec3(n);
  ray.texture_step = vec3(1.0, ray.slope) / vec3(n);
#endif
  float best = kNothing;
  for (int i = ray.first; i < ray.end && best < enough;) {
    int coarse_end = min((i | kCoarseMask) + 1, ray.end);
    if (bricks.x > 0 && MOST(ray, i, coarse_end - 1, kCoarseShift, coarse_strides, coarse_begin) <= best) {
      i = coarse_end;
      continue;
    }
    while (i < coarse_end && best < enough) {
      int end = min((i | kBrickMask) + 1, coarse_end);
      if (bricks.x == 0 || MOST(ray, i, end - 1, kBrickShift, brick_strides, 0) > best) best = SLAB(ray, i, end, best);
      i = end;
    }
  }
  return best;
}
