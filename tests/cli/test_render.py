import kit
kit.main()
