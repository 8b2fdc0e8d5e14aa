module gupscope

go 1.26
