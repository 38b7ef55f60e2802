package kernel

//go:generate go -C asm run ./tile -pkg kernel -out ../tile_amd64.s -stubs ../tile_amd64.go
//go:generate go -C asm run ./pack -pkg kernel -out ../pack_amd64.s -stubs ../pack_amd64.go
//go:generate go -C asm run ./vector -pkg kernel -out ../vector_amd64.s -stubs ../vector_amd64.go
//go:generate go -C asm run ./element -pkg kernel -out ../element_amd64.s -stubs ../element_amd64.go
//go:generate go -C asm run ./row -pkg kernel -out ../row_amd64.s -stubs ../row_amd64.go
