package kernel

//go:generate go -C asm run ./gemm_tile -pkg kernel -out ../gemm_tile_amd64.s -stubs ../gemm_tile_amd64.go
//go:generate go -C asm run ./gemm_pack -pkg kernel -out ../gemm_pack_amd64.s -stubs ../gemm_pack_amd64.go
//go:generate go -C asm run ./elem_vector -pkg kernel -out ../elem_vector_amd64.s -stubs ../elem_vector_amd64.go
//go:generate go -C asm run ./elem -pkg kernel -out ../elem_amd64.s -stubs ../elem_amd64.go
//go:generate go -C asm run ./row -pkg kernel -out ../row_amd64.s -stubs ../row_amd64.go
