package replay

func (p *Player) reclaim(*Op) (Result, error) { return Result{}, &NotModelled{"reclaim"} }
